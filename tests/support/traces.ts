/**
 * What a whole test run leaves behind: the output of every server and command, and a dump of every database. When the run
 * ends, all of it is searched for secrets, signed URLs and tokens (see global-setup.ts): one that is found fails the run.
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Set for all workers by the global set-up. */
const FOLDER_VARIABLE = 'LONGSHORE_TEST_TRACES';
const SECRETS_FILE = 'known-secrets';
/** Shorter values would be found by chance. */
const MIN_SECRET_LENGTH = 16;

export function openTraces(folder: string): void {
  mkdirSync(folder, { recursive: true });
  process.env[FOLDER_VARIABLE] = folder;
}

/** Keeps text under the name of what made it. */
export function keepTrace(name: string, text: string): void {
  append(`${name}.${process.pid}.txt`, text);
}

/** A value that may stand in no log and no row, beside the shapes that are always secret. */
export function rememberSecret(value: string): void {
  if (value.length >= MIN_SECRET_LENGTH) append(SECRETS_FILE, `${JSON.stringify(value)}\n`);
}

/** The credentials in the environment of a process. */
export function rememberSecretsOf(env: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(env)) {
    if (/(SECRET|_KEY$|PASSWORD)/.test(name) && value !== undefined) rememberSecret(value);
  }
}

const SECRET_FIELDS = /"(?:secret_access_key|api_key|session_token)"\s*:\s*"([^"\\]+)"/g;

/** The credentials in a request body that stores or tests them; access key ids are shown by their last letters only. */
export function rememberSecretsIn(body: unknown): void {
  if (typeof body !== 'string') return;
  for (const match of body.matchAll(SECRET_FIELDS)) rememberSecret(match[1] ?? '');
}

function append(name: string, text: string): void {
  const folder = process.env[FOLDER_VARIABLE];
  if (folder !== undefined) appendFileSync(join(folder, name), text);
}

/** Shapes that open something for whoever reads them. */
const SHAPES: Record<string, RegExp> = {
  'an API key, session or sign-in link': /\bls[sl]?_[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])/g,
  'a job token': /\blsj_[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{43}/g,
  'a presigned S3 URL': /X-Amz-Signature=[0-9a-f]{64}/gi,
  'an AWS session token': /X-Amz-Security-Token=[A-Za-z0-9%+/=]{20,}/gi,
  'a signed file URL': /\/files\/[^\s"]*[?&]signature=[A-Za-z0-9_-]{20,}/g,
  'a JWT': /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/g,
  'a bearer header': /[Aa]uthorization["':\s]+Bearer [A-Za-z0-9._-]{16,}/g,
};

/** A link that works once and is meant for the person who reads the terminal. */
const SIGN_IN_LINE = /^ {2}Sign in \(a link that works once.*$/gm;

/** Names what `text` gives away; never repeats it. */
export function secretsIn(text: string, known: readonly string[]): string[] {
  const searched = text.replace(SIGN_IN_LINE, '');
  const shapes = Object.entries(SHAPES).flatMap(([what, shape]) =>
    [...searched.matchAll(shape)].map((match) => `${what}: …${before(searched, match.index)}`),
  );
  const values = known
    .filter((value) => searched.includes(value))
    .map((value) => `a credential: …${before(searched, searched.indexOf(value))}`);
  return [...shapes, ...values];
}

function before(text: string, index: number): string {
  return JSON.stringify(text.slice(Math.max(0, index - 100), index));
}

/** Searches everything that was kept; answers findings by file. */
export async function searchTraces(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const known = names.includes(SECRETS_FILE) ? await knownSecrets(folder) : [];
  const findings: string[] = [];
  for (const name of names.filter((each) => each !== SECRETS_FILE)) {
    const found = secretsIn(await readFile(join(folder, name), 'utf8'), known);
    findings.push(...found.map((finding) => `${name}: ${finding}`));
  }
  return findings;
}

async function knownSecrets(folder: string): Promise<string[]> {
  const lines = (await readFile(join(folder, SECRETS_FILE), 'utf8')).trimEnd().split('\n');
  return [...new Set(lines.map((line) => JSON.parse(line) as string))];
}
