import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { PhaseState } from '@/lib/http/api-types.ts';
import { ApiError } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type Gate, printBack, printGates, printPhase } from '../output/phase-report.ts';
import { printJson } from '../output/terminal.ts';

const PATH = '/api/storage/phase';
const PHASES = 'Phases: base_only, dual_write, hybrid_read, s3_primary.';

interface SetFlags {
  confirm: boolean;
  force: boolean;
  reason?: string;
}

export function addPhase(program: Command, context: CliContext): void {
  const phase = program
    .command('phase')
    .description('where new datasets are written and which copy is read first (changes: admin)')
    .option('--check <next>', 'the gates of the next phase, with what blocks them and the command that helps')
    .addHelpText(
      'after',
      `\n${PHASES}\nExample: longshore phase --check hybrid_read\nWith --check, exits 1 while a gate blocks.`,
    )
    .action((flags: { check?: string }) => (flags.check === undefined ? show(context) : check(context, flags.check)));
  phase
    .command('set')
    .description('enter the next phase through its gates, or an earlier one at once')
    .argument('<next>', 'the name of the phase')
    .option('--confirm', 'say yes where the phase asks an admin: s3_primary', false)
    .option('--force', 'enter although gates block; who and why is recorded', false)
    .option('--reason <text>', 'why, for the history; needed with --force')
    .addHelpText(
      'after',
      `\n${PHASES}\nExample: longshore phase set dual_write\nExample: longshore phase set s3_primary --confirm\nExits 1 when a gate blocks.`,
    )
    .action((next: string, flags: SetFlags) => set(context, next, flags));
  phase
    .command('back')
    .description('step back by one phase, at once; every dataset stays readable and nothing is deleted')
    .option('--reason <text>', 'why, for the history')
    .addHelpText('after', '\nExample: longshore phase back --reason "egress costs"')
    .action((flags: { reason?: string }) => back(context, flags.reason));
}

async function show({ terminal, client }: CliContext): Promise<void> {
  const view = await (await client()).json<PhaseState>(PATH);
  if (terminal.json) printJson(terminal, view);
  else printPhase(terminal, view);
}

async function check({ terminal, client }: CliContext, next: string): Promise<void> {
  const view = await (await client()).json<PhaseState>(PATH);
  if (view.next === null || view.next.phase !== next) throw notNext(view, next);
  if (terminal.json) printJson(terminal, view.next);
  else printGates(terminal, view.next.phase, view.next.gates);
  if (!view.next.ok) process.exitCode = EXIT.findings;
}

async function set(context: CliContext, next: string, { confirm, force, reason }: SetFlags): Promise<void> {
  const { terminal, client } = context;
  try {
    const json = { phase: next, confirm, force, reason };
    const view = await (await client()).json<PhaseState>(PATH, { method: 'POST', json });
    if (terminal.json) printJson(terminal, view);
    else printPhase(terminal, view);
  } catch (error) {
    const gates = gatesOf(error);
    if (gates === undefined) throw error;
    if (terminal.json) printJson(terminal, { error: (error as ApiError).problem });
    else printGates(terminal, next, gates);
    process.exitCode = EXIT.findings;
  }
}

async function back({ terminal, client }: CliContext, reason: string | undefined): Promise<void> {
  const api = await client();
  const { phase, previous } = await api.json<PhaseState>(PATH);
  if (previous === null) {
    throw new LongshoreError('phase_out_of_order', `There is no phase before ${phase}, or you are no admin.`);
  }
  const view = await api.json<PhaseState>(PATH, { method: 'POST', json: { phase: previous.phase, reason } });
  if (terminal.json) printJson(terminal, view);
  else printBack(terminal, view, previous.consequences);
}

function gatesOf(error: unknown): Gate[] | undefined {
  if (!(error instanceof ApiError) || error.problem.code !== 'phase_blocked') return undefined;
  return (error.problem as unknown as { gates: Gate[] }).gates;
}

function notNext({ phase, next }: PhaseState, asked: string): LongshoreError {
  const hint = next === null ? 'Only admins see gates, and the last phase has none.' : `Check ${next.phase}.`;
  return new LongshoreError('phase_out_of_order', `From ${phase} the installation cannot go to ${asked}.`, { hint });
}
