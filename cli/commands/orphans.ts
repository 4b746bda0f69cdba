import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { OrphanPage } from '@/lib/http/api-types.ts';
import { type ApiClient, ApiError } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { note, paint, printJson, printLine, type Terminal } from '../output/terminal.ts';

type Orphan = OrphanPage['orphans'][number];

interface ActFlags {
  all: boolean;
  apply: boolean;
}

type Done = Orphan & { done: boolean; error?: { code: string; message: string } };

const ORPHANS = '/api/storage/orphans';
/** What `--all` covers: nothing that could still be of use. */
const BY_ALL = { adopt: ['adoptable'], remove: ['deleted', 'stale'] } as const;

export function addOrphans(program: Command, context: CliContext): void {
  const orphans = program
    .command('orphans')
    .description('objects in the stores that no row knows (admin)')
    .addHelpText(
      'after',
      '\nExample: longshore orphans rm --all --apply\nVerdicts are explained in docs/operations.md.',
    )
    .action(() => list(context));
  for (const [name, action, text] of [
    ['adopt', 'adopt', 'take objects back as copies of their datasets; only those whose signature and bytes prove it'],
    ['rm', 'remove', 'remove objects that we have signed and nothing needs'],
  ] as const) {
    orphans
      .command(name)
      .description(`${text} (only tells what it would do, unless --apply)`)
      .argument('[keys...]', 'keys as the list shows them')
      .option('--all', `every one that is ${BY_ALL[action].join(' or ')}`, false)
      .option('--apply', 'really do it', false)
      .addHelpText('after', `\nExample: longshore orphans ${name} --all --apply`)
      .action((keys: string[], flags: ActFlags) => act(context, action, keys, flags));
  }
}

async function* search(client: ApiClient, terminal: Terminal): AsyncGenerator<Orphan> {
  let looked = 0;
  for (let cursor: string | undefined; ; ) {
    const page = await client.json<OrphanPage>(ORPHANS, { query: { cursor, limit: 200 } });
    for (const { store, code } of page.unreachable) note(terminal, `${store} could not be listed (${code})`);
    if (page.unreachable.length > 0) process.exitCode = EXIT.findings;
    yield* page.orphans;
    looked += page.looked_at;
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  note(terminal, `${formatCount(looked)} objects looked at`);
}

async function list({ terminal, ...context }: CliContext): Promise<void> {
  const client = await context.client();
  const found: Orphan[] = [];
  for await (const orphan of search(client, terminal)) {
    if (terminal.json) found.push(orphan);
    else printLine(terminal, lineOf(terminal, orphan));
  }
  if (terminal.json) printJson(terminal, { orphans: found });
}

async function act(
  { terminal, ...context }: CliContext,
  action: 'adopt' | 'remove',
  keys: string[],
  flags: ActFlags,
): Promise<void> {
  if (flags.all === keys.length > 0) throw new LongshoreError('usage', 'Name the keys, or say --all.');
  const client = await context.client();
  const chosen: Orphan[] = [];
  for await (const orphan of search(client, terminal)) if (isMeant(orphan, action, keys)) chosen.push(orphan);
  for (const key of keys.filter((wanted) => chosen.every((orphan) => orphan.key !== wanted))) {
    note(terminal, `${key} is no orphan`);
    process.exitCode = EXIT.findings;
  }
  const done: Done[] = [];
  for (const orphan of chosen) {
    const outcome = flags.apply ? await apply(client, action, orphan, keys.length > 0) : { ...orphan, done: false };
    done.push(outcome);
    if (outcome.error !== undefined) process.exitCode = EXIT.findings;
    if (!terminal.json) printLine(terminal, doneLine(terminal, action, outcome, flags.apply));
  }
  if (terminal.json) printJson(terminal, { applied: flags.apply, orphans: done });
  else if (!flags.apply && chosen.length > 0) printLine(terminal, 'Nothing was done. Add --apply to do it.');
}

function isMeant(orphan: Orphan, action: 'adopt' | 'remove', keys: readonly string[]): boolean {
  if (keys.length > 0) return keys.includes(orphan.key);
  return (BY_ALL[action] as readonly string[]).includes(orphan.verdict);
}

/** One that is refused is a line of the report, and no reason to leave the others. */
async function apply(client: ApiClient, action: 'adopt' | 'remove', orphan: Orphan, named: boolean): Promise<Done> {
  try {
    const json = { action, store: orphan.store, key: orphan.key, restorable: named };
    await client.json(ORPHANS, { method: 'POST', json });
    return { ...orphan, done: true };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return { ...orphan, done: false, error: { code: error.problem.code, message: error.problem.detail } };
  }
}

function doneLine(terminal: Terminal, action: 'adopt' | 'remove', outcome: Done, applied: boolean): string {
  const verb = action === 'adopt' ? 'adopt' : 'remove';
  const word = outcome.error
    ? `did not ${verb}`
    : applied
      ? `${verb}${verb.endsWith('e') ? 'd' : 'ed'}`
      : `would ${verb}`;
  const why = outcome.error === undefined ? '' : `  ${outcome.error.message}`;
  return `${word}  ${lineOf(terminal, outcome)}${why}`;
}

const STYLES = {
  adoptable: 'green',
  restorable: 'green',
  deleted: 'dim',
  stale: 'dim',
  quarantined: 'yellow',
} as const;

function lineOf(
  terminal: Terminal,
  { verdict, reason, provider, bucket, key, size_bytes, last_modified }: Orphan,
): string {
  const what = reason === null ? verdict : `${verdict} (${reason})`;
  return `${paint(terminal, STYLES[verdict], what)}  ${provider}  ${bucket}/${key}  ${formatBytes(size_bytes)}  ${last_modified ?? '-'}`;
}
