/**
 * The embedded database's process: holds the lock on the data directory, runs the engine, serves it on a socket.
 *
 * Its life hangs on the channel to its parent. Signals that reach the whole group (Ctrl-C, a service manager's stop) are
 * ignored: the parent still needs the database to finish its work, and closes the channel when it has.
 */

import { writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LongshoreError, messageOf } from '@/lib/errors.ts';
import { type ChildMessage, type ChildOptions, type ParentMessage, SOCKET_FILE } from './embedded/child-protocol.ts';
import { ensureCluster } from './embedded/cluster-folder.ts';
import { DataDirLock } from './embedded/data-dir-lock.ts';
import { Engine } from './embedded/engine.ts';
import { Maintenance } from './embedded/maintenance.ts';
import { Mutex } from './embedded/mutex.ts';
import { WireBridge } from './embedded/wire-bridge.ts';

const MAINTENANCE_EVERY_MS = 10_000;
/** EX_SOFTWARE of sysexits.h: the engine gave up. */
const EXIT_PANIC = 70;

const options = JSON.parse(process.argv[2] ?? '{}') as ChildOptions;

/** Resolves when it is handed to the operating system; a parent that is gone does not matter any more. */
function tell(message: ChildMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.connected && process.send) process.send(message, () => resolve());
    else resolve();
  });
}

/** Nothing that waits may run any more after a panic: the engine's memory is not to be trusted. */
function panic(what: string): never {
  writeSync(2, `${what}\n`);
  process.exit(EXIT_PANIC);
}

/** PostgreSQL tells everything that clients did wrong too: they are told themselves. */
function logLine(line: string): void {
  if (/\b(PANIC|FATAL):/.test(line)) writeSync(2, `${line}\n`);
  else if (/\b(WARNING|LOG): {2}/.test(line)) void tell({ type: 'log', level: 'info', message: line });
}

async function start(): Promise<() => Promise<void>> {
  const { dataDir, pid, url, lockWaitMs } = options;
  const lock = await DataDirLock.acquire(dataDir, { pid, url, waitMs: lockWaitMs });
  const folder = await ensureCluster(dataDir);
  const engine = await Engine.start({ folder, onPanic: panic, onLog: logLine });
  const statement = new Mutex();
  const [version] = await engine.query<{ server_version: string }>('show server_version');
  const serverVersion = version?.server_version ?? '';
  const bridge = new WireBridge({ engine, serverVersion, session: new Mutex(), statement });
  await listen(bridge);
  const timer = maintain(engine, bridge, statement);
  return async () => {
    clearInterval(timer);
    await bridge.close();
    await statement.run(() => engine.close());
    await lock.release();
  };
}

/** The lock is held: a socket file that is still there belongs to nobody. */
async function listen(bridge: WireBridge): Promise<void> {
  const path = join(options.socketFolder, SOCKET_FILE);
  await rm(path, { force: true });
  await bridge.listen(path);
}

function maintain(engine: Engine, bridge: WireBridge, statement: Mutex): NodeJS.Timeout {
  const maintenance = new Maintenance(engine);
  let seen = 0;
  const round = async () => {
    if (bridge.batches === seen) return;
    seen = bridge.batches;
    await statement.run(() => maintenance.run());
  };
  const report = (error: unknown) => void tell({ type: 'log', level: 'warn', message: messageOf(error) });
  return setInterval(() => void round().catch(report), MAINTENANCE_EVERY_MS);
}

async function fail(error: unknown): Promise<void> {
  const known = error instanceof LongshoreError ? error : undefined;
  await tell({
    type: 'failed',
    code: known?.code ?? 'embedded_database_failed',
    message: known?.message ?? `The embedded database did not start: ${messageOf(error)}`,
    hint: known?.hint ?? null,
    details: { ...known?.details },
  });
  process.exit(1);
}

async function main(): Promise<void> {
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => undefined);
  const ended = new Promise<void>((resolve) => {
    process.once('disconnect', resolve);
    process.on('message', (message: ParentMessage) => {
      if (message.type === 'close') resolve();
    });
  });
  const stop = await start();
  await tell({ type: 'ready' });
  await ended;
  await stop();
  process.exit(0);
}

main().catch(fail);
