import { join } from 'node:path';
import { ADMIN_KEY_FILE, LOCAL_USER } from '@/lib/accounts/admin-key-file.ts';
import type { Environment } from '@/lib/config/config.ts';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { SERVER_EXIT } from './exit-codes.ts';
import { exitCodeOf, type RunningServer, startServer } from './serve.ts';
import { stopServer } from './stop.ts';

/**
 * Runs the server until a signal stops it, and resolves with the process's exit code. The first SIGTERM or SIGINT stops
 * it in order; the second ends the process at once.
 */
export async function runServer(env?: Environment): Promise<number> {
  let running: RunningServer;
  try {
    running = await startServer(env);
  } catch (error) {
    console.error(describeFailure(error));
    return exitCodeOf(error);
  }
  crashOnLooseErrors(running);
  warnOfOpenNetwork(running);
  process.stdout.write(await greeting(running));
  await firstSignal();
  onSecondSignal(() => process.exit(SERVER_EXIT.interrupted));
  running.application.log.info({}, 'stopping: running work is finished or handed over');
  await stopServer(running);
  return SERVER_EXIT.stopped;
}

/**
 * A link that signs in is shown where only this machine can use it, or to a person at a terminal: the output of a service
 * that the network reaches is kept in logs, where others read it within the hour that the link works.
 */
async function greeting({ application, url }: RunningServer): Promise<string> {
  const { config, baseUrl, signIn, accounts } = application;
  const lines = [`Longshore is ready: ${config.publicUrl?.href ?? url}`];
  const local = config.auth.mode === 'local' ? await accounts.users.find(LOCAL_USER) : undefined;
  if (local?.disabledAt === null) {
    const shown = process.stdout.isTTY || (isLoopback(config.host) && isLoopback(baseUrl.hostname));
    const link = shown ? new URL(await signIn.linkPath(local.id), baseUrl).href : 'longshore signin';
    lines.push(`  Sign in (a link that works once, within an hour): ${link}`);
  }
  if ((await accounts.adminKeyFile.read()) !== undefined) {
    lines.push(`  Key for programs: ${join(config.dataDir, ADMIN_KEY_FILE)}`);
  }
  if (process.stdout.isTTY) lines.push('  Stop with Ctrl-C.');
  return `\n${lines.join('\n')}\n\n`;
}

function warnOfOpenNetwork({ application: { config, log } }: RunningServer): void {
  if (isLoopback(config.host) || config.publicUrl?.protocol === 'https:') return;
  const advice = 'keys travel unencrypted: put a proxy with TLS in front and set PUBLIC_URL to its https address';
  log.warn({ host: config.host }, advice);
}

function isLoopback(host: string): boolean {
  return /^(localhost$|127\.|\[?::1\]?$)/.test(host);
}

function describeFailure(error: unknown): string {
  if (!(error instanceof LongshoreError)) return `Longshore could not start: ${messageOf(error)}`;
  return `Longshore could not start. ${error.message}${error.hint === undefined ? '' : `\n${error.hint}`}`;
}

function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}

function onSecondSignal(end: () => void): void {
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

/**
 * An error that nobody handles leaves the process in a state that nobody thought of, and without its database it can do
 * nothing: it ends, and whoever supervises it starts it again.
 */
function crashOnLooseErrors({ application }: RunningServer): void {
  const crash = (what: string) => (error: unknown) => {
    application.log.fatal({ err: error }, what);
    process.exit(SERVER_EXIT.crashed);
  };
  process.on('uncaughtException', crash('an error that nobody handled'));
  process.on('unhandledRejection', crash('a rejection that nobody handled'));
  void application.database.failed.then(crash('the database is lost'));
}
