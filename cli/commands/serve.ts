import type { Command } from 'commander';

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the server: API, page and background jobs')
    .addHelpText('after', '\nExample: PORT=8080 DATA_DIR=/var/lib/longshore longshore serve')
    .action(async () => {
      const { runServer } = await import('../../server/run.ts');
      process.exitCode = await runServer();
    });
}
