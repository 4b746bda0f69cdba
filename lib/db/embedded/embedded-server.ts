import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { Logger } from '@/lib/observability/logger.ts';
import type { ChildMessage, ChildOptions, ParentMessage } from './child-protocol.ts';
import { socketFolder } from './socket-folder.ts';

export interface EmbeddedOptions {
  dataDir: string;
  /** Address of this server: told to a second process that finds the directory locked. */
  serverUrl?: string;
  log: Logger;
  /** How long to wait for the lock of a predecessor that was killed. Default 10,000. */
  lockWaitMs?: number;
}

/** Measured: the heap of the child holds little, and V8 would let it grow without need. */
const NODE_OPTIONS = ['--max-semi-space-size=1', '--max-old-space-size=96'];
/** More crashes than this within the window: restarting does not help. */
const CRASHES_ALLOWED = 3;
const CRASH_WINDOW_MS = 60_000;

/**
 * The embedded database's process, seen from its parent. When it crashes it is started again: PostgreSQL recovers, the
 * statements in flight fail with `database_unavailable`. When it keeps crashing it stays down and `failed` settles.
 */
export class EmbeddedServer {
  readonly #options: EmbeddedOptions;
  readonly #socketFolder: string;
  #child: ChildProcess | undefined;
  #starting: Promise<void> | undefined;
  #closing = false;
  #crashes: number[] = [];
  #failure: LongshoreError | undefined;
  #reportFailure: (error: LongshoreError) => void = () => undefined;
  /** Resolves, with the reason, when the database went down for good without being asked to. */
  readonly failed: Promise<LongshoreError> = new Promise((settle) => {
    this.#reportFailure = settle;
  });

  private constructor(options: EmbeddedOptions, folder: string) {
    this.#options = options;
    this.#socketFolder = folder;
  }

  static async start(options: EmbeddedOptions): Promise<EmbeddedServer> {
    const server = new EmbeddedServer(options, await socketFolder(options.dataDir));
    await server.#start();
    return server;
  }

  /** For `pg`, as `host`: the folder of the socket. */
  get host(): string {
    return this.#socketFolder;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Waits for a restart that is under way; at once when the database runs. Throws when it stays down. */
  async ready(): Promise<void> {
    await this.#starting;
    if (this.#failure) throw this.#failure;
  }

  /** Ends the process after everything is written out. Connections MUST be closed before. May be called twice. */
  async close(): Promise<void> {
    this.#closing = true;
    // A start that fails is told to whoever waits for `ready`; here it only has to be over.
    await this.#starting?.catch(() => undefined);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    if (child.connected) child.send({ type: 'close' } satisfies ParentMessage);
    await exited;
  }

  #start(): Promise<void> {
    this.#starting = this.#launch().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #launch(): Promise<void> {
    const child = fork(entryPoint('lib/db/embedded-postgres.process'), [JSON.stringify(this.#childOptions())], {
      execArgv: NODE_OPTIONS,
      // It needs none, and so keeps none: the environment holds keys.
      env: {},
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    if (child.stderr)
      createInterface(child.stderr).on('line', (line) => this.#options.log.error({ line }, 'embedded database'));
    await firstAnswer(child, this.#options.log);
    child.once('exit', (code, signal) => this.#onExit(code ?? signal));
  }

  #childOptions(): ChildOptions {
    const { dataDir, serverUrl, lockWaitMs } = this.#options;
    return {
      dataDir: resolve(dataDir),
      socketFolder: this.#socketFolder,
      pid: process.pid,
      url: serverUrl ?? null,
      lockWaitMs: lockWaitMs ?? 10_000,
    };
  }

  #onExit(how: number | string | null): void {
    if (this.#closing) return;
    const now = Date.now();
    this.#crashes = [...this.#crashes.filter((at) => now - at < CRASH_WINDOW_MS), now];
    if (this.#crashes.length > CRASHES_ALLOWED) {
      this.#giveUp(
        new LongshoreError('embedded_database_failed', `The embedded database ended ${this.#crashes.length} times.`),
      );
      return;
    }
    this.#options.log.error({ how }, 'the embedded database ended unexpectedly and is started again');
    this.#start().catch((error: LongshoreError) => this.#giveUp(error));
  }

  #giveUp(error: LongshoreError): void {
    this.#options.log.error({ code: error.code }, `the embedded database stays down: ${error.message}`);
    this.#failure = error;
    this.#reportFailure(error);
  }
}

/** Resolves on "ready"; rejects with the child's own reason, or that it ended without one. Passes on its log lines. */
function firstAnswer(child: ChildProcess, log: Logger): Promise<void> {
  return new Promise((settle, reject) => {
    child.on('message', (message: ChildMessage) => {
      if (message.type === 'log') log[message.level]({}, `embedded database: ${message.message}`);
      if (message.type === 'ready') settle();
      if (message.type === 'failed') reject(rebuild(message));
    });
    child.once('error', (error) => reject(endedEarly(error.message)));
    child.once('exit', (code, signal) => reject(endedEarly(`it ended with ${code ?? signal}`)));
  });
}

function rebuild(message: Extract<ChildMessage, { type: 'failed' }>): LongshoreError {
  return new LongshoreError(message.code, message.message, {
    hint: message.hint ?? undefined,
    details: message.details,
  });
}

function endedEarly(why: string): LongshoreError {
  return new LongshoreError('embedded_database_failed', `The embedded database did not start: ${why}.`, {
    hint: 'The lines of the log before this one say more. A full disk is the usual reason.',
  });
}
