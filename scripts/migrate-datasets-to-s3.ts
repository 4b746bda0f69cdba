/**
 * Moves existing datasets to S3: `npx tsx scripts/migrate-datasets-to-s3.ts` prints the plan and, last, the command that
 * applies it; `--apply` runs it, from the start or from where it was interrupted. The engine is that of
 * `longshore migrate`, and so are its journal and its runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { planBody } from '../cli/migration/plan-options.ts';
import { hasFaults, type ItemView, itemLine, printRun, progressOf } from '../cli/migration/print-run.ts';
import type { Terminal } from '../cli/output/terminal.ts';
import { reportError } from '../cli/report-error.ts';
import { type Application, composeApplication } from '../lib/composition.ts';
import { readConfig } from '../lib/config/config.ts';
import { newRunBody, optionsOf, showItem, showRun } from '../lib/http/migration-views.ts';

const HELP = `Moves existing datasets to S3.

  npx tsx scripts/migrate-datasets-to-s3.ts             print the plan; nothing is copied
  npx tsx scripts/migrate-datasets-to-s3.ts --apply     run it, or go on with the run that was interrupted

  --user ID (again and again), --older-than DAYS, --newer-than DAYS, --min-size BYTES, --max-size BYTES
  --concurrency N, --bwlimit BYTES

Reads the same environment as the server: DATABASE_URL, SUPABASE_URL, SUPABASE_SERVICE_ROLE_KEY, ENCRYPTION_KEY, S3_BUCKET.
Stop a server on the same DATA_DIR first where the database is the embedded one, or use: longshore migrate run.`;

const { values } = parseArgs({
  options: {
    apply: { type: 'boolean', default: false },
    user: { type: 'string', multiple: true },
    'older-than': { type: 'string' },
    'newer-than': { type: 'string' },
    'min-size': { type: 'string' },
    'max-size': { type: 'string' },
    concurrency: { type: 'string' },
    bwlimit: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const terminal: Terminal = { stdout: process.stdout, stderr: process.stderr, json: false, color: false };
const ACTOR = 'scripts/migrate-datasets-to-s3';

async function printPlan({ migration }: Application): Promise<void> {
  const { run } = await migration.service.plan(wantedOptions(), ACTOR);
  let after: string | undefined;
  do {
    const rows = await migration.service.items(run.id, { after, limit: 500 });
    for (const row of rows.slice(0, 500)) console.log(itemLine(showItem(row) as ItemView));
    after = rows.length > 500 ? rows[499]?.datasetId : undefined;
  } while (after !== undefined);
  printRun(terminal, showRun(await migration.service.get(run.id)));
  console.log(
    `\nNothing was copied. Apply it with:\nnpx tsx scripts/migrate-datasets-to-s3.ts ${[...process.argv.slice(2), '--apply'].join(' ')}`,
  );
}

async function apply({ migration }: Application, signal: AbortSignal): Promise<void> {
  const interrupted = await migration.runs.active();
  const id = interrupted?.id ?? (await migration.service.plan(wantedOptions(), ACTOR)).run.id;
  console.log(`${interrupted === undefined ? 'Run' : 'Going on with run'} ${id}`);
  let summary = await migration.service.resume(id, ACTOR);
  // This process's own background work does it, beside that of any other process on the database.
  while (summary.run.state === 'running' && !signal.aborted) {
    await sleep(1000);
    summary = await migration.service.get(id);
    console.log(progressOf(showRun(summary)));
  }
  const run = showRun(summary);
  printRun(terminal, run);
  if (signal.aborted) console.log('Stopped. Run the same command again to go on.');
  if (hasFaults(run)) process.exitCode = 1;
}

function wantedOptions() {
  const { user, concurrency, bwlimit } = values;
  const flags = {
    ...{ user, concurrency, bwlimit },
    olderThan: values['older-than'],
    newerThan: values['newer-than'],
    minSize: values['min-size'],
    maxSize: values['max-size'],
  };
  return optionsOf(newRunBody.parse(planBody(flags)));
}

async function main(): Promise<void> {
  const app = await composeApplication(readConfig({ ...process.env, LOG_LEVEL: process.env.LOG_LEVEL ?? 'error' }));
  const stopping = new AbortController();
  process.once('SIGINT', () => stopping.abort());
  try {
    if (values.apply) await apply(app, stopping.signal);
    else await printPlan(app);
  } finally {
    await app.close();
  }
}

if (values.help) console.log(HELP);
else {
  await main().catch((error) => {
    process.exitCode = reportError(terminal, error);
  });
}
