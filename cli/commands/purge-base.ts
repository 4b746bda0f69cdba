import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { applyRemoval, type EntryView, makeRemoval, printRemoval, REMOVALS } from '../migration/removals.ts';
import { note } from '../output/terminal.ts';

export function addPurgeBase(program: Command, context: CliContext): void {
  program
    .command('purge-base')
    .description(
      'let the copies in the base store go, once s3_primary does without them (admin); only plans unless --apply',
    )
    .option('--apply <list>', 'apply a list that was made before, once its waiting time is over')
    .option('--out <file>', 'write the list to this file, one JSON object a copy')
    .addHelpText(
      'after',
      `
Without --apply every copy in a bucket is read back, and a list of the base copies whose bytes it proves is made. The list
may be applied seven days later: until then nothing is removed. Before a copy goes, another one is read back once more.
Nothing else in Longshore does this.

Example: longshore purge-base --out list.jsonl
         longshore purge-base --apply 0190…`,
    )
    .action((flags: { apply?: string; out?: string }) => purgeBase(context, flags));
}

async function purgeBase(context: CliContext, flags: { apply?: string; out?: string }): Promise<void> {
  const client = await context.client();
  const removal =
    flags.apply === undefined
      ? await makeRemoval(context, client, { kind: 'purge_base' })
      : await applyRemoval(context, client, flags.apply);
  if (flags.out !== undefined) {
    await pipeline(Readable.from(entryLines(client, removal.id)), createWriteStream(flags.out));
    note(context.terminal, `The list is in ${flags.out}.`);
  }
  printRemoval(context.terminal, removal, `longshore purge-base --apply ${removal.id}`);
}

async function* entryLines(client: ApiClient, id: string): AsyncGenerator<string> {
  for await (const entry of client.pages<EntryView>(`${REMOVALS}/${id}/entries`, 'entries', { limit: 200 })) {
    yield `${JSON.stringify(entry)}\n`;
  }
}
