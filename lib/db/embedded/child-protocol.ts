/** What the server and its database process say to each other over IPC. */

/** First argument of the child, as JSON. */
export interface ChildOptions {
  dataDir: string;
  /** Folder of the socket; the file in it is named by PostgreSQL's convention. */
  socketFolder: string;
  /** The server's own process id and address: what a second process is told. */
  pid: number;
  url: string | null;
  lockWaitMs: number;
}

export type ChildMessage =
  /** Connections are taken. */
  | { type: 'ready' }
  /** It could not start, and exits: a LongshoreError in parts. */
  | { type: 'failed'; code: string; message: string; hint: string | null; details: Record<string, unknown> }
  | { type: 'log'; level: 'info' | 'warn' | 'error'; message: string };

/** Finish, write everything out and exit. The same happens when the channel closes, as it does when the parent dies. */
export type ParentMessage = { type: 'close' };

/** Clients add `.s.PGSQL.<port>` to the folder that they are given as a host. */
export const SOCKET_PORT = 5432;
export const SOCKET_FILE = `.s.PGSQL.${SOCKET_PORT}`;
