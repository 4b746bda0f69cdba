import { AsyncLocalStorage } from 'node:async_hooks';

/** What every log line of one request (or one job) carries. */
export interface WorkContext {
  requestId: string;
  userId?: string;
}

const storage = new AsyncLocalStorage<WorkContext>();

/** Runs `fn` so that everything it starts logs with this context. */
export function withWorkContext<T>(context: WorkContext, fn: () => T): T {
  return storage.run(context, fn);
}

export function workContext(): WorkContext | undefined {
  return storage.getStore();
}
