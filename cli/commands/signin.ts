import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine } from '../output/terminal.ts';

export function addSignIn(program: Command, context: CliContext): void {
  program
    .command('signin')
    .description('print a link that signs a browser in as you, once, within an hour')
    .addHelpText('after', '\nExample: xdg-open "$(longshore signin)"')
    .action(async () => {
      const client = await context.client();
      if (await context.ownServer()) {
        throw new LongshoreError('server_not_running', 'No server is running to sign in to.', {
          hint: 'Start one with: longshore serve',
        });
      }
      const answer = await client.json<{ url: string }>('/api/users/me/sign-in-link', { method: 'POST' });
      if (context.terminal.json) printJson(context.terminal, answer);
      else printLine(context.terminal, answer.url);
    });
}
