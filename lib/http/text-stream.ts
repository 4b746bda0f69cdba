/** Text as it is made, page by page, under a name that a browser saves it by. */
export function textStream(
  lines: AsyncGenerator<string>,
  { contentType, filename }: { contentType: string; filename: string },
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    cancel: async () => void (await lines.return(undefined)),
  });
  const disposition = `attachment; filename="${filename.replaceAll(/[^\w.-]/g, '_')}"`;
  return new Response(body, { headers: { 'content-type': contentType, 'content-disposition': disposition } });
}
