import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface PrivateServer {
  pid: number;
  url: string;
  adminKey: string;
  /** Stops it in order and waits for its end. */
  stop(): Promise<void>;
}

const command = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));

export interface PrivateServerOptions {
  /** On top of the environment of this process. */
  env?: Record<string, string>;
  /** Gets the pid at once. */
  onSpawn?: (pid: number) => void;
}

/** A real server process on a free port of this machine, with `dataDir` for all it keeps. */
export async function startPrivateServer(
  dataDir: string,
  { env: more = {}, onSpawn = () => {} }: PrivateServerOptions = {},
): Promise<PrivateServer> {
  const own = { DATA_DIR: dataDir, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error', DATABASE_URL: '' };
  const env = { ...process.env, ...own, ...more };
  const child = spawn(process.execPath, [command, 'serve'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid ?? 0;
  onSpawn(pid);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await addressIn(createInterface({ input: child.stdout }), ended);
  const adminKey = (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim();
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  return { pid, url, adminKey, stop };
}

function addressIn(lines: NodeJS.EventEmitter, ended: Promise<void>): Promise<string> {
  return new Promise((resolve, reject) => {
    lines.on('line', (line: string) => {
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
      if (url !== undefined) resolve(url);
    });
    void ended.then(() => reject(new Error('the server ended before it was ready')));
  });
}
