/** The `longshore` command as a process, as the shell runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { entryPoint } from '@/lib/config/entry-points.ts';
import { keepTrace } from './traces.ts';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface RunningCli {
  process: ChildProcess;
  result: Promise<CliResult>;
}

/** @param env on top of PATH; HOME is where the command remembers unfinished uploads */
export function startCli(args: readonly string[], env: Record<string, string>, cwd?: string): RunningCli {
  const child = spawn(process.execPath, [fileURLToPath(entryPoint('cli/main')), ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk;
  });
  const result = once(child, 'close').then(([code]) => {
    keepTrace('cli-stderr', text.stderr);
    return { code: code as number | null, ...text };
  });
  return { process: child, result };
}

export function runCli(args: readonly string[], env: Record<string, string>, cwd?: string): Promise<CliResult> {
  return startCli(args, env, cwd).result;
}
