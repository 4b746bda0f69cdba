import { messageOf } from '@/lib/errors.ts';
import { isInternal, statusOf } from '@/lib/http/problem.ts';
import type { Logger } from '@/lib/observability/logger.ts';

/**
 * Says in the log what became of a request: an error only where somebody must look. A client that cuts its connection
 * is none, however late it is noticed; its line has the code `client_disconnected`.
 */
export function logFailure(log: Logger, error: unknown): void {
  if (isCutByClient(error)) log.info({ code: 'client_disconnected' }, 'the client cut the connection');
  else if (isInternal(error)) log.error({ err: error }, `request failed: ${messageOf(error)}`);
  else log.debug({ status: statusOf(error) }, `request refused: ${messageOf(error)}`);
}

/** What node:http gives to whoever reads a request that is cut. Connections that we made ourselves name their call. */
function isCutByClient(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ECONNRESET' && !('syscall' in error);
}
