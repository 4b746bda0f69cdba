import type { Environment } from '@/lib/config/config.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { SERVER_EXIT } from './exit-codes.ts';
import { exitCodeOf, type RunningServer, startServer } from './serve.ts';
import { stopServer } from './stop.ts';

/** Runs the server until a signal stops it. Resolves with the process's exit code. */
export async function runServer(env?: Environment): Promise<number> {
  let running: RunningServer;
  try {
    running = await startServer(env);
  } catch (error) {
    console.error(describeFailure(error));
    return exitCodeOf(error);
  }
  crashOnLooseErrors(running);
  console.error(`Longshore listens on ${running.url}`);
  await firstSignal();
  process.once('SIGINT', () => process.exit(SERVER_EXIT.interrupted));
  process.once('SIGTERM', () => process.exit(SERVER_EXIT.interrupted));
  await stopServer(running);
  return SERVER_EXIT.stopped;
}

function describeFailure(error: unknown): string {
  if (!(error instanceof LongshoreError)) return `Longshore could not start: ${String(error)}`;
  return `Longshore could not start. ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`;
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

/** An error that nobody handles leaves the process in a state that nobody thought of: end it, others take over. */
function crashOnLooseErrors({ application }: RunningServer): void {
  const crash = (error: unknown) => {
    application.log.fatal({ err: error }, 'an error that nobody handled');
    process.exit(SERVER_EXIT.crashed);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}
