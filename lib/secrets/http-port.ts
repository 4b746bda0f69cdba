/** One small request and its whole answer. Secrets only ever make requests of a few kilobytes. */
export interface HttpCall {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  url: URL;
  headers?: Record<string, string>;
  body?: Uint8Array;
  signal?: AbortSignal;
}

export interface HttpReply {
  status: number;
  /** Lower-case names. */
  headers: Readonly<Record<string, string>>;
  /** At most MAX_REPLY_BYTES; what goes beyond is cut off. */
  body: Buffer;
}

export const MAX_REPLY_BYTES = 1_048_576;

/**
 * Sends one request. MUST check the address at every connect, MUST NOT follow redirects. Any HTTP status is an answer;
 * rejects only when there is none: StorageError `endpoint_refused`, `timeout`, `unavailable` or `aborted`.
 */
export type HttpSend = (call: HttpCall) => Promise<HttpReply>;
