/**
 * A real server process on a free port, in a temporary data directory, as a user would start it. The embedded database
 * unless the environment names another. A forgotten server ends with the test process.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { keepTrace, rememberSecretsIn, rememberSecretsOf } from './traces.ts';

export interface TestServer {
  readonly url: string;
  readonly adminKey: string;
  readonly dataDir: string;
  readonly process: ChildProcess;
  /** Everything written to stdout and stderr so far. */
  logs(): string;
  /** `fetch` on this server, signed in as the admin unless the headers say otherwise. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Resolves when the output holds `text`, now or later. */
  logged(text: string | RegExp): Promise<void>;
  /** SIGTERM; resolves with the exit code. The data directory is removed unless it was given. */
  stop(): Promise<number | null>;
  /** SIGKILL. The data directory stays, for a server that comes after. */
  kill9(): Promise<void>;
  /** Resolves with the exit code whenever the process ends. */
  readonly exited: Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** @param env on top of a clean environment; `DATA_DIR` to start on the data of an earlier server */
export async function startServer(env: Record<string, string> = {}): Promise<TestServer> {
  const dataDir = env.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'longshore-data-')));
  const spawned = spawnServer({ ...env, DATA_DIR: dataDir });
  const url = await spawned.ready;
  const adminKey = (await readFile(join(dataDir, 'admin-key'), 'utf8').catch(() => '')).trim();
  const { child, exited } = spawned;
  return {
    url,
    adminKey,
    dataDir,
    process: child,
    exited,
    logs: spawned.logs,
    logged: spawned.logged,
    fetch: (path, init = {}) => {
      const headers = new Headers(init.headers);
      rememberSecretsIn(init.body);
      if (!headers.has('authorization') && !headers.has('cookie')) headers.set('authorization', `Bearer ${adminKey}`);
      return fetch(url + path, { redirect: 'manual', ...init, headers });
    },
    stop: async () => {
      child.kill('SIGTERM');
      const code = await exited;
      if (env.DATA_DIR === undefined) await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
      return code;
    },
    kill9: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export interface SpawnedServer {
  child: ChildProcess;
  /** The address, once it listens and is composed; rejects with the output when it ends before. */
  ready: Promise<string>;
  exited: Promise<number | null>;
  logs(): string;
  logged(text: string | RegExp): Promise<void>;
}

/** Only starts the process: for tests of starts that fail. */
export function spawnServer(env: Record<string, string>): SpawnedServer {
  const { PATH = '', HOME = '', TMPDIR = '' } = process.env;
  const base = { PATH, HOME, ...(TMPDIR === '' ? {} : { TMPDIR }), PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'debug' };
  rememberSecretsOf(env);
  const child = spawn(process.execPath, [fileURLToPath(entryPoint('server/main'))], {
    env: { ...base, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const output = new Output(child);
  const exited = once(child, 'close').then(([code]) => {
    running.delete(child);
    return code as number | null;
  });
  const ready = output.matched(/Longshore is ready: (\S+)/).then((match) => match[1]?.replace(/\/$/, '') ?? '');
  const logged = async (text: string | RegExp) => void (await output.matched(text));
  return { child, ready, exited, logs: () => output.text, logged };
}

/** The output of a process, and promises for what it will say. */
class Output {
  text = '';
  #ended = false;
  readonly #waiting = new Set<() => void>();

  constructor(child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        this.text += chunk;
        this.#wake();
      });
    }
    child.once('close', () => {
      keepTrace('server', this.text);
      this.#ended = true;
      this.#wake();
    });
  }

  matched(wanted: string | RegExp): Promise<RegExpMatchArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = typeof wanted === 'string' ? indexMatch(this.text, wanted) : this.text.match(wanted);
        if (match === null && !this.#ended) return;
        this.#waiting.delete(look);
        if (match !== null) resolve(match);
        else reject(new Error(`The server ended without saying ${wanted}:\n${this.text}`));
      };
      this.#waiting.add(look);
      look();
    });
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }
}

function indexMatch(text: string, wanted: string): RegExpMatchArray | null {
  return text.includes(wanted) ? [wanted] : null;
}
