import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';

export interface TestHttpServer {
  readonly url: string;
  /** `METHOD path` of everything that was asked, in order. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A server on loopback that answers as the test says. */
export async function startHttpServer(answer: RequestListener): Promise<TestHttpServer> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${address.port}`, asked, close };
}
