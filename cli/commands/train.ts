import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { TrainingJob } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printJson, printLine } from '../output/terminal.ts';
import { resolveDataset } from '../resolve-dataset.ts';
import { followJob } from '../training/follow.ts';
import { stateLine } from '../training/job-view.ts';

interface TrainFlags {
  target: string;
  command?: string;
  env: Record<string, string>;
  hyperparameters?: string;
  option: Record<string, unknown>;
  trainer?: string;
  follow: boolean;
  dryRun: boolean;
}

interface Check {
  status: string;
  title: string;
  message: string;
  remedy: string | null;
}

interface DeployAnswer {
  job?: TrainingJob;
  preflight: { status: string; checks: Check[] };
  plan?: { requests: { method: string; url: string; body: unknown }[]; notes: string[] } | null;
}

export function addTrain(program: Command, context: CliContext): void {
  program
    .command('train')
    .description('train on a dataset: on your own machine (longshore worker), or on a rented one')
    .argument('<dataset>', 'its id or exact name')
    .option('--target <target>', 'local, runpod, lambda or sagemaker', 'local')
    .option('-c, --command <line>', 'what the worker runs; finds the records in $DATASET_PATH')
    .option('-e, --env <name=value>', 'for the command; repeat for more', assignment, {})
    .option('--hyperparameters <json>', 'an object, or @FILE; the command finds it in $HYPERPARAMETERS_PATH')
    .option('-o, --option <name=value>', "the target's own, such as gpu_type_ids; repeat for more", option, {})
    .option('--trainer <trainer>', 'what you train with: a dataset that it refuses is not deployed')
    .option('-f, --follow', 'stay, and print what it says until it ends', false)
    .option('--dry-run', 'look and plan; rent nothing', false)
    .addHelpText('after', HELP)
    .action((dataset: string, flags: TrainFlags) => train(context, dataset, flags));
}

const HELP = `
Example: longshore train chats --command 'python3 train.py' --follow
         longshore train chats --target runpod -o image=my/trainer -c 'python train.py' --dry-run
Exits 1 when the job that was followed did not complete.`;

async function train(context: CliContext, reference: string, flags: TrainFlags): Promise<void> {
  const { terminal, signal } = context;
  const client = await context.client();
  const dataset = await resolveDataset(client, reference);
  const config = { command: flags.command, env: flags.env, hyperparameters: await hyperparametersOf(flags) };
  const answer = await client.json<DeployAnswer>(`/api/training/deploy/${encodeURIComponent(flags.target)}`, {
    method: 'POST',
    json: { ...flags.option, dataset_id: dataset.id, config, trainer: flags.trainer, dry_run: flags.dryRun },
    signal,
  });
  if (terminal.json && !flags.follow) return printJson(terminal, answer);
  for (const check of answer.preflight.checks) printCheck(context, check);
  if (answer.job === undefined) return printPlan(context, answer);
  if (!terminal.json) printLine(terminal, stateLine(terminal, answer.job));
  if (!flags.follow) return;
  const state = await followJob(context, client, answer.job.id, ['log', 'metric', 'state']);
  if (state !== 'completed') process.exitCode = EXIT.findings;
}

/** What is well is not spoken of. */
function printCheck({ terminal }: CliContext, { status, title, message, remedy }: Check): void {
  if (status === 'ok') return;
  terminal.stderr.write(`${status}  ${title}: ${message}${remedy === null ? '' : `\n  ${remedy}`}\n`);
}

function printPlan({ terminal }: CliContext, { plan, preflight }: DeployAnswer): void {
  for (const { method, url, body } of plan?.requests ?? []) {
    printLine(terminal, `${method} ${url}\n${JSON.stringify(body, null, 2)}`);
  }
  for (const line of plan?.notes ?? []) printLine(terminal, line);
  if (preflight.status === 'failed') process.exitCode = EXIT.findings;
}

async function hyperparametersOf({ hyperparameters: given }: TrainFlags): Promise<unknown> {
  if (given === undefined) return undefined;
  const text = given.startsWith('@') ? await readText(given.slice(1)) : given;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LongshoreError('usage', '--hyperparameters is not JSON.', { hint: `Example: '{"lr": 0.1}'`, cause });
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new LongshoreError('file_unreadable', `${path} cannot be read.`, { cause });
  }
}

function assignment(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as NAME=VALUE.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** A value that is JSON is taken as such, so that numbers and lists can be given; anything else is text. */
function option(text: string, before: Record<string, unknown>): Record<string, unknown> {
  const [[name, value] = ['', '']] = Object.entries(assignment(text, {}));
  return { ...before, [name]: jsonOrText(value) };
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
