import type { Command } from 'commander';
import type { StorageState } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printStatus } from '../output/status-report.ts';
import { printJson } from '../output/terminal.ts';

export function addStatus(program: Command, context: CliContext): void {
  program
    .command('status')
    .description('where datasets are, how well they are kept, what is under way, and how the stores fare')
    .addHelpText(
      'after',
      '\nExample: longshore status --json\nExits 1 when a store does not answer, or a dataset has no copy that was read back.',
    )
    .action(async () => {
      const view = await (await context.client()).json<StorageState>('/api/storage/status');
      if (context.terminal.json) printJson(context.terminal, view);
      else printStatus(context.terminal, view);
      const unwell = view.health.some(({ status }) => status === 'failed');
      if (unwell || view.datasets.no_verified_copy > 0) process.exitCode = EXIT.findings;
    });
}
