import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { LongshoreError } from '@/lib/errors.ts';
import type { DoctorReport, SecretView } from '@/lib/http/api-types.ts';
import { ApiError } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printReport } from '../output/doctor-report.ts';
import { formatTable, printJson, printLine } from '../output/terminal.ts';

interface TestedSecret {
  secret?: SecretView;
  report: DoctorReport;
}

const FILE_HELP = `
The file (or - for standard input) holds JSON, so that no secret stands in the command line:
  aws          {"api_key": "AKIA…", "metadata": {"aws": {"secret_access_key": "…", "s3_bucket": "…", "region": "…"}}}
  lambda       {"api_key": "…", "metadata": {"lambda": {"ssh_key_name": "…"}}}
  runpod       {"api_key": "…"}
  huggingface  {"api_key": "…"}`;

export function addSecrets(program: Command, context: CliContext): void {
  const secrets = program
    .command('secrets')
    .description('your cloud credentials: encrypted, tested before they are used');
  secrets
    .command('ls', { isDefault: true })
    .description('list them; never shows a secret')
    .action(() => list(context));
  secrets
    .command('set')
    .description('test credentials, then keep them')
    .argument('<provider>', 'aws, lambda, runpod or huggingface')
    .argument('<file>', 'a JSON file, or - for standard input')
    .option('--create-bucket', 'make the bucket when it does not exist', false)
    .option('--store-failing', 'keep them even if a test fails; they are marked and never used', false)
    .addHelpText('after', `${FILE_HELP}\n\nExample: longshore secrets set aws - < aws.json`)
    .action((provider: string, file: string, flags: { createBucket: boolean; storeFailing: boolean }) =>
      set(context, provider, { file, ...flags }),
    );
  secrets
    .command('test')
    .description('test stored credentials again, or those of a file without keeping them')
    .argument('<provider>')
    .argument('[file]', 'a JSON file, or - for standard input')
    .addHelpText('after', '\nExample: longshore secrets test aws')
    .action((provider: string, file: string | undefined) => test(context, provider, file));
  secrets
    .command('rm')
    .description('forget credentials; refused while datasets depend on them')
    .argument('<provider>')
    .action((provider: string) => remove(context, provider));
}

async function list({ terminal, client }: CliContext): Promise<void> {
  const answer = await (await client()).json<{ secrets: SecretView[] }>('/api/secrets');
  if (terminal.json) return printJson(terminal, answer);
  if (answer.secrets.length === 0)
    return printLine(terminal, 'No credentials yet. Add some with: longshore secrets set aws FILE');
  const rows = answer.secrets.map((s) => [
    s.provider,
    s.state,
    String(s.version),
    s.last_four === null ? '' : `…${s.last_four}`,
    s.tested_at?.slice(0, 16) ?? 'never',
  ]);
  for (const line of formatTable(['PROVIDER', 'STATE', 'VERSION', 'KEY', 'TESTED (UTC)'], rows, [2]))
    printLine(terminal, line);
}

async function set(
  { terminal, client }: CliContext,
  provider: string,
  flags: { file: string; createBucket: boolean; storeFailing: boolean },
): Promise<void> {
  const json = await readJson(flags.file);
  const query = { create_bucket: String(flags.createBucket), store_failing: String(flags.storeFailing) };
  try {
    const answer = await (await client()).json<TestedSecret>(`/api/secrets/${encodeURIComponent(provider)}`, {
      method: 'PUT',
      query,
      json,
    });
    if (terminal.json) return printJson(terminal, answer);
    printReport(terminal, answer.report);
  } catch (error) {
    const report = error instanceof ApiError ? error.problem.report : undefined;
    if (report !== undefined && !terminal.json) printReport(terminal, report as DoctorReport);
    throw error;
  }
}

async function test({ terminal, client }: CliContext, provider: string, file: string | undefined): Promise<void> {
  const json = file === undefined ? undefined : await readJson(file);
  const { report } = await (await client()).json<TestedSecret>(`/api/secrets/${encodeURIComponent(provider)}/test`, {
    method: 'POST',
    json,
  });
  if (terminal.json) printJson(terminal, { report });
  else printReport(terminal, report);
  if (report.status !== 'ok') process.exitCode = EXIT.findings;
}

async function remove({ terminal, client }: CliContext, provider: string): Promise<void> {
  await (await client()).json(`/api/secrets/${encodeURIComponent(provider)}`, { method: 'DELETE' });
  if (terminal.json) printJson(terminal, { removed: provider });
  else printLine(terminal, `forgot the ${provider} credentials`);
}

async function readJson(file: string): Promise<unknown> {
  const content =
    file === '-' ? await text(process.stdin) : await readFile(file, 'utf8').catch((cause) => unreadable(file, cause));
  try {
    return JSON.parse(content);
  } catch (cause) {
    // The parser's own message quotes the text, which is a secret.
    throw new LongshoreError('usage', `${file === '-' ? 'Standard input' : file} does not hold valid JSON.`, { cause });
  }
}

function unreadable(file: string, cause: unknown): never {
  throw new LongshoreError('file_unreadable', `${file} cannot be read.`, { cause });
}
