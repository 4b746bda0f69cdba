import type { HttpCall, SmallReply } from '@/lib/storage/http-client.ts';

export type { HttpCall, SmallReply as HttpReply } from '@/lib/storage/http-client.ts';

/**
 * Sends one small request through the endpoint guard: the address is judged at every connect and redirects are answers.
 * Rejects only when there is no answer, with a StorageError.
 */
export type HttpSend = (call: HttpCall) => Promise<SmallReply>;
