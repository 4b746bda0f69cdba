import type { Command } from 'commander';
import { runServer } from '../../server/run.ts';

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the server: API, page and background jobs')
    .addHelpText('after', '\nExample: PORT=8080 DATA_DIR=/var/lib/longshore longshore serve')
    .action(async () => {
      process.exitCode = await runServer();
    });
}
