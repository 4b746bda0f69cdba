import type { Command } from 'commander';
import type { RebuildReport } from '@/lib/datasets/rebuild/rebuild-report.ts';
import { formatCount } from '@/lib/format.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { note, printJson, printLine, type Terminal } from '../output/terminal.ts';

export function addRebuild(program: Command, context: CliContext): void {
  program
    .command('rebuild')
    .description('after the loss of the database: restore the datasets whose objects are in the stores')
    .option('--apply', 'write the rows; otherwise only tell what would be restored', false)
    .option('--installation <id>', 'whose objects, where the stores hold those of several')
    .addHelpText(
      'after',
      '\nStop the server first. Nothing in the stores is changed. What cannot come back is in docs/operations.md.\n\nExample: longshore rebuild --apply\nExits 1 when something was refused or a store did not answer.',
    )
    .action((flags: { apply: boolean; installation?: string }) => rebuild(context, flags));
}

async function rebuild({ terminal, signal }: CliContext, flags: { apply: boolean; installation?: string }) {
  const { readConfig } = await import('@/lib/config/config.ts');
  const { rebuildCatalogue } = await import('@/lib/composition/rebuild.ts');
  const report = await rebuildCatalogue(readConfig(), { ...flags, signal });
  if (terminal.json) printJson(terminal, report);
  else print(terminal, report);
  if (report.refused_count + report.unreachable.length > 0) process.exitCode = EXIT.findings;
}

function print(terminal: Terminal, report: RebuildReport): void {
  const { datasets, copies, applied } = report;
  for (const { store, objects } of report.stores) note(terminal, `${store}  ${formatCount(objects)} objects`);
  for (const { store, code } of report.unreachable) note(terminal, `! ${store} could not be read (${code})`);
  for (const { key, store, reason } of report.refused) printLine(terminal, `! ${store}  ${key}  ${reason}`);
  const verb = applied ? 'restored' : 'would restore';
  const count = datasets.from_manifest + datasets.from_object;
  printLine(
    terminal,
    `${verb} ${formatCount(count)} datasets (${formatCount(datasets.from_object)} from their object alone) and ${formatCount(copies.restored)} copies`,
  );
  printLine(
    terminal,
    `${formatCount(datasets.known)} datasets were known, ${formatCount(datasets.deleted)} were deleted, ${formatCount(report.refused_count)} objects were refused`,
  );
  if (report.users.length > 0) note(terminal, `owners: ${report.users.join(', ')}`);
  if (!applied && count > 0) printLine(terminal, 'Nothing was written. Add --apply to do it.');
}
