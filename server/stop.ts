import type { Server } from 'node:http';
import type { RunningServer } from './serve.ts';

const IDLE_SWEEP_MS = 100;

/**
 * Stops in order: no new connections, event streams end, running requests may finish until the deadline, then they are
 * cut; at last the application is closed.
 */
export async function stopServer({ application, server }: RunningServer): Promise<void> {
  application.readiness.startStopping();
  application.events.close();
  await closeWithin(server, application.config.http.shutdownTimeoutMs);
  await application.close();
}

async function closeWithin(server: Server, deadlineMs: number): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  // A connection that was busy when the stop came is idle, and unwanted, after its answer.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
  const cut = setTimeout(() => server.closeAllConnections(), deadlineMs);
  await closed;
  clearInterval(sweep);
  clearTimeout(cut);
}
