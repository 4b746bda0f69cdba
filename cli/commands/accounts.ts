import type { Command } from 'commander';
import type { ApiKey, User } from '@/lib/http/api-types.ts';
import type { CliContext } from '../context.ts';
import { formatTable, printJson, printLine } from '../output/terminal.ts';

export function addUsers(program: Command, context: CliContext): void {
  const users = program.command('users').description('people who may use this installation (admin)');
  users
    .command('add')
    .description('add a user and print the API key, once')
    .argument('<name>')
    .option('--role <role>', 'member or admin', 'member')
    .addHelpText('after', '\nExample: longshore users add ada')
    .action(async (name: string, flags: { role: string }) => {
      const answer = await (await context.client()).json<{ user: User; key: string }>('/api/users', {
        method: 'POST',
        json: { name, role: flags.role },
      });
      if (context.terminal.json) return printJson(context.terminal, answer);
      printLine(context.terminal, answer.key);
      context.terminal.stderr.write(`This is the only time the key of ${answer.user.name} is shown.\n`);
    });
  users
    .command('ls', { isDefault: true })
    .description('list users')
    .action(async () => {
      const answer = await (await context.client()).json<{ users: User[] }>('/api/users');
      if (context.terminal.json) return printJson(context.terminal, answer);
      const rows = answer.users.map((user) => [user.id, user.name, user.role, user.created_at.slice(0, 10)]);
      for (const line of formatTable(['ID', 'NAME', 'ROLE', 'SINCE'], rows)) printLine(context.terminal, line);
    });
}

export function addKeys(program: Command, context: CliContext): void {
  const keys = program.command('keys').description('your API keys');
  keys
    .command('add')
    .description('make a key and print it, once')
    .argument('<name>', 'what it is for')
    .addHelpText('after', '\nExample: longshore keys add "nightly job"')
    .action(async (name: string) => {
      const answer = await (await context.client()).json<{ key: string }>('/api/keys', {
        method: 'POST',
        json: { name },
      });
      if (context.terminal.json) return printJson(context.terminal, answer);
      printLine(context.terminal, answer.key);
      context.terminal.stderr.write('This is the only time the key is shown.\n');
    });
  keys
    .command('rm')
    .description('revoke a key at once')
    .argument('<id>')
    .action(async (id: string) => {
      await (await context.client()).json(`/api/keys/${encodeURIComponent(id)}`, { method: 'DELETE' });
      if (context.terminal.json) printJson(context.terminal, { revoked: id });
      else printLine(context.terminal, `revoked ${id}`);
    });
  keys
    .command('ls', { isDefault: true })
    .description('list your keys')
    .action(async () => {
      const answer = await (await context.client()).json<{ keys: ApiKey[] }>('/api/keys');
      if (context.terminal.json) return printJson(context.terminal, answer);
      const rows = answer.keys.map((key) => [
        key.id,
        key.name,
        `…${key.last_four}`,
        key.created_at.slice(0, 10),
        key.last_used_at?.slice(0, 10) ?? 'never',
      ]);
      for (const line of formatTable(['ID', 'NAME', 'KEY', 'SINCE', 'LAST USED'], rows))
        printLine(context.terminal, line);
    });
}
