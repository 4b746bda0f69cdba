import { Readable } from 'node:stream';

const sources = new WeakMap<Response, Readable>();

/**
 * A response whose body is a Node stream. It reads as any Response does; Longshore's own server pipes the Node stream
 * straight to the socket instead, which saves two web streams on the way.
 */
export function nodeBody(source: Readable, init: ResponseInit): Response {
  const response = new Response(lazyWebStream(source), init);
  sources.set(response, source);
  return response;
}

/** The Node stream behind a response, if it was made by `nodeBody` and nobody has read it yet. */
export function nodeBodyOf(response: Response): Readable | undefined {
  const source = sources.get(response);
  // Asking any response whether its body was used would make the adaptor build what it otherwise need not.
  return source === undefined || response.bodyUsed ? undefined : source;
}

/** Pulls nothing from `source` before the first read, so that the server may take the source instead. */
function lazyWebStream(source: Readable): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        reader ??= (Readable.toWeb(source) as ReadableStream<Uint8Array>).getReader();
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      async cancel(reason) {
        await reader?.cancel(reason);
        source.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}
