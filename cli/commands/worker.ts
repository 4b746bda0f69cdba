import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { workerEnvironment } from '@/lib/config/client-config.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { workerPath } from '@/lib/training/worker-file.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';

interface WorkerFlags {
  workDir?: string;
  once: boolean;
  keep: boolean;
  python: string;
}

export function addWorker(program: Command, context: CliContext): void {
  program
    .command('worker')
    .description('take and run your local training jobs on this machine, one after another')
    .argument('[command...]', "after --: what is run instead of each job's own command")
    .option('--work-dir <folder>', 'where datasets and outputs go (default: ./longshore-work)')
    .option('--once', 'end when no job waits', false)
    .option('--keep', "leave a job's dataset when it has ended", false)
    .option('--python <program>', 'Python 3.9 or later', 'python3')
    .addHelpText('after', HELP)
    .action((command: string[], flags: WorkerFlags) => work(context, command, flags));
}

const HELP = `
Example: LONGSHORE_URL=https://longshore.example LONGSHORE_API_KEY=ls_... longshore worker --work-dir /data
It asks the server for work, so it needs no open port. It runs what your jobs say: let only your own key make them.
Without Node, the same worker is one file of Python: GET /training_server.py.`;

async function work(context: CliContext, command: string[], flags: WorkerFlags): Promise<void> {
  requirePython(flags.python);
  const client = await context.client();
  const env = workerEnvironment(client.baseUrl, client.apiKey);
  const child = spawn(flags.python, [workerPath(), ...argumentsOf(command, flags)], { env, stdio: 'inherit' });
  const stop = () => void child.kill('SIGTERM');
  context.signal.addEventListener('abort', stop);
  process.once('SIGTERM', stop);
  process.exitCode = await exitOf(child);
}

function argumentsOf(command: readonly string[], { workDir, once: ends, keep }: WorkerFlags): string[] {
  return [
    'agent',
    ...(workDir === undefined ? [] : ['--work-dir', workDir]),
    ...(ends ? ['--once'] : []),
    ...(keep ? ['--keep'] : []),
    ...(command.length === 0 ? [] : ['--', ...command]),
  ];
}

async function exitOf(child: ChildProcess): Promise<number> {
  const [code] = (await once(child, 'close')) as [number | null];
  return code === 0 ? EXIT.ok : EXIT.failed;
}

/** @throws python_missing, python_too_old */
function requirePython(python: string): void {
  const asked = spawnSync(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])'], { encoding: 'utf8' });
  if (asked.error !== undefined || asked.status !== 0) {
    throw new LongshoreError('python_missing', `${python} cannot be started on this machine.`, {
      hint: 'Install Python 3.9 or later (apt install python3, brew install python), or name one with --python.',
    });
  }
  const [major = 0, minor = 0] = asked.stdout.trim().split('.').map(Number);
  if (major > 3 || (major === 3 && minor >= 9)) return;
  throw new LongshoreError('python_too_old', `${python} is Python ${asked.stdout.trim()}.`, {
    hint: 'The worker needs Python 3.9 or later: name one with --python.',
  });
}
