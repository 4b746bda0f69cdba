import type { Command } from 'commander';
import type { BackupFlags, RestoreFlags } from '../backup/run-backup.ts';
import type { CliContext } from '../context.ts';

const WHILE_IN_USE =
  'The server may run meanwhile; the embedded database answers nobody else until the rows are written.';
const WHEN_STOPPED = 'The embedded database must not be in use: stop the server first.';

export function addBackup(program: Command, context: CliContext): void {
  program
    .command('backup')
    .description('write all rows, and the key that the secrets need, to one file')
    .argument('<file>')
    .option('--passphrase-file <file>', 'seal the key with the passphrase in this file')
    .option('--no-keys', 'leave the key out')
    .addHelpText(
      'after',
      `\n${WHILE_IN_USE} Objects are not in it: they are in the stores.\n\nExample: longshore backup longshore.backup --passphrase-file pass.txt`,
    )
    .action(async (file: string, flags: BackupFlags) => {
      const { backup } = await import('../backup/run-backup.ts');
      await backup(context, file, flags);
    });
  program
    .command('restore')
    .description('put the rows of a backup into this installation; refused unless it is empty')
    .argument('<file>')
    .option('--passphrase-file <file>', 'the passphrase that seals the key')
    .option('--replace', 'remove every row that is there now', false)
    .addHelpText('after', `\n${WHEN_STOPPED}\n\nExample: DATABASE_URL=postgres://… longshore restore longshore.backup`)
    .action(async (file: string, flags: RestoreFlags) => {
      const { restore } = await import('../backup/run-backup.ts');
      await restore(context, file, flags);
    });
}
