import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { addKeys, addUsers } from './commands/accounts.ts';
import { addAdopt } from './commands/adopt.ts';
import { addBackup } from './commands/backup.ts';
import { addCheck } from './commands/check.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEstimate } from './commands/estimate.ts';
import { addGet, addUrl } from './commands/get.ts';
import { addJobs } from './commands/jobs.ts';
import { addList } from './commands/list.ts';
import { addMigrate } from './commands/migrate.ts';
import { addOrphans } from './commands/orphans.ts';
import { addPhase } from './commands/phase.ts';
import { addPurgeBase } from './commands/purge-base.ts';
import { addRebuild } from './commands/rebuild.ts';
import { addRemove } from './commands/remove.ts';
import { addScrub } from './commands/scrub.ts';
import { addSecrets } from './commands/secrets.ts';
import { addServe } from './commands/serve.ts';
import { addSignIn } from './commands/signin.ts';
import { addStatus } from './commands/status.ts';
import { addTrain } from './commands/train.ts';
import { addUpload } from './commands/upload.ts';
import { addVerify } from './commands/verify.ts';
import { addWorker } from './commands/worker.ts';
import type { CliContext } from './context.ts';
import { EXIT_HELP } from './exit-codes.ts';

const OVERVIEW = `
Finds the server by LONGSHORE_URL and LONGSHORE_API_KEY; else the one that runs on DATA_DIR; else starts its own for as
long as the command takes. Results go to stdout, everything else to stderr.
${EXIT_HELP}`;

/**
 * The whole command line. Parsing it runs at most one action. All commands are declared at every start, so a command
 * MUST import what is large (the server, the database, ingest) where it runs, not at the top of its file.
 */
export function createProgram(context: CliContext): Command {
  const program = new Command('longshore')
    .description('the dataset storage plane of a fine-tuning platform')
    .version(version(), '-V, --version')
    .option('--json', 'machine-readable results on stdout')
    .addHelpText('after', OVERVIEW)
    .showHelpAfterError('(longshore --help shows how)')
    .exitOverride();
  addServe(program);
  for (const add of [
    addUpload,
    addCheck,
    addList,
    addGet,
    addUrl,
    addRemove,
    addVerify,
    addScrub,
    addOrphans,
    addRebuild,
    addTrain,
    addWorker,
    addJobs,
    addSecrets,
    addDoctor,
    addEstimate,
    addStatus,
    addPhase,
    addSignIn,
    addAdopt,
    addMigrate,
    addPurgeBase,
    addBackup,
    addUsers,
    addKeys,
  ])
    add(program, context);
  acceptJsonEverywhere(program);
  return program;
}

/** `longshore ls --json` and `longshore --json ls` mean the same. */
function acceptJsonEverywhere(command: Command): void {
  for (const child of command.commands) {
    child.option('--json', 'machine-readable results on stdout').exitOverride();
    acceptJsonEverywhere(child);
  }
}

function version(): string {
  return JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')).version;
}
