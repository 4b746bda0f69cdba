import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { addPlanOptions, type PlanFlags, planBody } from '../migration/plan-options.ts';
import { hasFaults, type ItemView, itemLine, printRun, progressOf, type RunView } from '../migration/print-run.ts';
import { changeRun, chosenRun, follow, getRun, RUNS } from '../migration/runs.ts';
import { note, printJson, printLine, type Terminal } from '../output/terminal.ts';
import { addMigrateProof } from './migrate-proof.ts';

const ENDED: readonly RunView['state'][] = ['completed', 'cancelled', 'failed', 'paused'];

export function addMigrate(program: Command, context: CliContext): void {
  const migrate = program
    .command('migrate')
    .description('move what exists to S3: planned, proved byte for byte, resumable, and reversible (admin)')
    .addHelpText(
      'after',
      `
The order: plan, run, verify, report. Nothing is deleted at the source. A run that was interrupted, in whatever way, goes
on where it was: longshore migrate run RUN. Several processes on one DATABASE_URL share a run.

Example: longshore migrate plan --out plan.jsonl
         longshore migrate run 0190… --bwlimit 50MB
         longshore migrate verify 0190…
         longshore migrate rollback 0190…`,
    );
  addPlan(migrate, context);
  addRun(migrate, context);
  addStatus(migrate, context);
  addSteering(migrate, context);
  addMigrateProof(migrate, context);
}

function addPlan(migrate: Command, context: CliContext): void {
  const plan = migrate.command('plan').description('write down what would be moved; nothing is copied');
  addPlanOptions(plan)
    .option('--out <file>', 'write the plan to this file, one JSON object a dataset')
    .addHelpText('after', '\nExample: longshore migrate plan --older-than 30 --max-size 1GiB --out plan.jsonl')
    .action(async (flags: PlanFlags & { out?: string }) => {
      const { terminal } = context;
      const client = await context.client();
      const run = await makePlan(client, flags, context.signal);
      if (flags.out !== undefined) await writeItems(client, run.id, flags.out);
      if (terminal.json) return printJson(terminal, { migration: run });
      printRun(terminal, run);
      if (flags.out !== undefined) note(terminal, `The plan is in ${flags.out}.`);
      printLine(terminal, `\nApply it with: longshore migrate run ${run.id}`);
    });
}

function addRun(migrate: Command, context: CliContext): void {
  const run = migrate
    .command('run')
    .description('start a planned run, go on with an interrupted one, or take up what an ended one left out')
    .argument('[run]', 'default: a new plan, run at once');
  addPlanOptions(run)
    .option('--detach', 'start it and return; needs a running server', false)
    .addHelpText(
      'after',
      `
Ctrl-C ends the looking, not the run, where a server goes on with it.

Example: longshore migrate run 0190… --detach
Exits 1 when datasets failed or were quarantined.`,
    )
    .action(async (id: string | undefined, flags: PlanFlags & { detach: boolean }) => {
      const client = await context.client();
      const planned = id === undefined ? await makePlan(client, flags, context.signal) : await getRun(client, id);
      const started = await changeRun(client, planned.id, 'resume');
      note(context.terminal, `Run ${planned.id}. Interrupted, it goes on with: longshore migrate run ${planned.id}`);
      if (flags.detach && !(await context.ownServer())) return show(context.terminal, started);
      const ended = await follow(context, client, started, 'migrate', (run) => ENDED.includes(run.state));
      show(context.terminal, ended);
      if (hasFaults(ended)) process.exitCode = EXIT.findings;
    });
}

function addStatus(migrate: Command, context: CliContext): void {
  migrate
    .command('status')
    .description('how far a run is; without a name all runs')
    .argument('[run]')
    .option('--items [state]', 'its datasets too: all, or those that are copying, failed, skipped, quarantined, …')
    .addHelpText('after', '\nExample: longshore migrate status 0190… --items failed')
    .action(async (id: string | undefined, flags: { items?: string | true }) => {
      const { terminal } = context;
      const client = await context.client();
      if (id === undefined && flags.items === undefined) return showAll(terminal, client);
      const run = await chosenRun(client, id);
      if (flags.items === undefined) return show(terminal, run);
      const state = flags.items === true ? undefined : flags.items;
      if (!terminal.json) printRun(terminal, run);
      for await (const item of itemsOf(client, run.id, state)) {
        printLine(terminal, terminal.json ? JSON.stringify(item) : itemLine(item));
      }
    });
}

const STEERING = {
  pause: 'stop within seconds, keeping what has arrived of unfinished objects',
  resume: 'go on with a paused run',
  cancel: 'give a run up: copies that are done stay, what was begun is removed',
} as const;

function addSteering(migrate: Command, context: CliContext): void {
  for (const [verb, description] of Object.entries(STEERING)) {
    migrate
      .command(verb)
      .description(description)
      .argument('[run]', 'default: the newest')
      .addHelpText('after', `\nExample: longshore migrate ${verb} 0190…`)
      .action(async (id: string | undefined) => {
        const client = await context.client();
        const { id: chosen } = await chosenRun(client, id);
        const run = await changeRun(client, chosen, verb);
        if (!(await context.ownServer()) || verb === 'pause') return show(context.terminal, run);
        const ended = await follow(context, client, run, verb, ({ state }) => ENDED.includes(state));
        show(context.terminal, ended);
      });
  }
}

async function makePlan(client: ApiClient, flags: PlanFlags, signal: AbortSignal): Promise<RunView> {
  const request = { method: 'POST', json: planBody(flags), signal };
  return (await client.json<{ migration: RunView }>(RUNS, request)).migration;
}

async function writeItems(client: ApiClient, id: string, path: string): Promise<void> {
  const lines = async function* () {
    for await (const item of itemsOf(client, id, undefined)) yield `${JSON.stringify(item)}\n`;
  };
  await pipeline(Readable.from(lines()), createWriteStream(path));
}

function itemsOf(client: ApiClient, id: string, state: string | undefined): AsyncGenerator<ItemView> {
  return client.pages<ItemView>(`${RUNS}/${id}/items`, 'items', { limit: 200, state });
}

function show(terminal: Terminal, run: RunView): void {
  if (terminal.json) printJson(terminal, { migration: run });
  else printRun(terminal, run);
}

async function showAll(terminal: Terminal, client: ApiClient): Promise<void> {
  const { migrations } = await client.json<{ migrations: RunView[] }>(RUNS, { query: { limit: 20 } });
  if (terminal.json) return printJson(terminal, { migrations });
  if (migrations.length === 0) printLine(terminal, 'No migration yet. Plan one: longshore migrate plan');
  for (const run of migrations) {
    printLine(terminal, `${run.id}  ${run.state.padEnd(10)}  ${run.created_at.slice(0, 16)}  ${progressOf(run)}`);
  }
}
