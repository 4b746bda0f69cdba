import type { Command } from 'commander';
import type { DoctorReport } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printReport } from '../output/doctor-report.ts';
import { printJson } from '../output/terminal.ts';

export function addDoctor(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description('examine the installation: database, base store, address, clock, and which phase is possible (admin)')
    .addHelpText('after', '\nExample: longshore doctor --json\nExits 1 when something required fails.')
    .action(async () => {
      const report = await (await context.client()).json<DoctorReport>('/api/storage/doctor');
      if (context.terminal.json) printJson(context.terminal, report);
      else printReport(context.terminal, report);
      if (report.status === 'failed') process.exitCode = EXIT.findings;
    });
}
