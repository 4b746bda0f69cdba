import { type Check, CheckFailure, type Outcome, ok, runChecks, skipped } from '@/lib/secrets/doctor/check-runner.ts';
import {
  type DoctorReport,
  type DoctorSuggestions,
  statusOfChecks,
  summaryOfChecks,
} from '@/lib/secrets/doctor/report.ts';
import type { HttpReply, HttpSend } from '@/lib/secrets/http-port.ts';
import { describeProvider } from '@/lib/secrets/providers/provider-registry.ts';
import type { SecretContents } from '@/lib/secrets/secrets.types.ts';

export type TokenProvider = 'runpod' | 'lambda' | 'huggingface';

/** Where the providers' APIs are. Set by the operator only, never by a user. */
export type ProviderBaseUrls = Readonly<Record<TokenProvider, string>>;

export const DEFAULT_PROVIDER_URLS: ProviderBaseUrls = {
  runpod: 'https://api.runpod.io/v2',
  lambda: 'https://cloud.lambda.ai/api/v1',
  huggingface: 'https://huggingface.co/api',
};

/** One cheap GET that only a valid token may make. */
const PATHS: Readonly<Record<TokenProvider, string>> = {
  runpod: 'pods',
  lambda: 'ssh-keys',
  huggingface: 'whoami-v2',
};

export interface TokenTestOptions {
  send: HttpSend;
  now: () => Date;
  baseUrls: ProviderBaseUrls;
  /** Default 15,000. */
  timeoutMs?: number;
}

interface TokenContext {
  provider: TokenProvider;
  content: SecretContents[TokenProvider];
  options: TokenTestOptions;
  reply: HttpReply | undefined;
  suggestions: DoctorSuggestions;
}

const CHECKS: readonly Check<TokenContext>[] = [
  { id: 'token', title: 'API key', required: true, needs: [], run: checkToken },
  { id: 'account', title: 'Account', required: false, needs: ['token'], run: checkAccount },
];

/** Asks the provider whether the token works. The provider's answer is read, and never shown. */
export async function testToken(
  provider: TokenProvider,
  content: SecretContents[TokenProvider],
  options: TokenTestOptions,
  signal?: AbortSignal,
): Promise<DoctorReport> {
  const nowMs = () => options.now().getTime();
  const startedMs = nowMs();
  const context: TokenContext = { provider, content, options, reply: undefined, suggestions: {} };
  const checks = await runChecks(CHECKS, context, { timeoutMs: options.timeoutMs ?? 15_000, signal, nowMs });
  return {
    subject: provider,
    status: statusOfChecks(checks),
    summary: summaryOfChecks(checks),
    checks,
    suggestions: context.suggestions,
    started_at: new Date(startedMs).toISOString(),
    duration_ms: nowMs() - startedMs,
  };
}

async function checkToken(context: TokenContext, signal: AbortSignal): Promise<Outcome> {
  const { provider, content, options } = context;
  const url = new URL(`${options.baseUrls[provider].replace(/\/+$/, '')}/${PATHS[provider]}`);
  const headers = { authorization: `Bearer ${content.api_key}`, accept: 'application/json' };
  const reply = await options.send({ method: 'GET', url, headers, signal });
  const { title, where } = describeProvider(provider);
  if (reply.status === 401) throw refused('invalid_token', `${title} does not accept this key.`, where);
  if (reply.status === 403)
    throw refused('access_denied', `${title} knows this key, and does not allow it enough.`, where);
  if (reply.status === 429 || reply.status >= 500) {
    throw refused('unavailable', `${title} cannot say at the moment (HTTP ${reply.status}).`, 'Test again later.');
  }
  if (reply.status !== 200) {
    throw refused('unexpected_answer', `${title} answered HTTP ${reply.status}.`, 'Test again later.');
  }
  context.reply = reply;
  return ok(`${title} accepts the key.`);
}

function refused(code: string, message: string, remedy: string): CheckFailure {
  return new CheckFailure({ code, message, remedy });
}

async function checkAccount(context: TokenContext): Promise<Outcome> {
  const answer = jsonOf(context.reply);
  if (context.provider === 'huggingface') return checkHubUser(context, answer);
  if (context.provider === 'lambda') return checkSshKey(context, answer);
  return skipped('RunPod keys carry no account name.');
}

function checkHubUser(context: TokenContext, answer: unknown): Outcome {
  const name = textAt(answer, 'name');
  const given = (context.content as SecretContents['huggingface']).metadata.huggingface?.username;
  if (name === undefined) return skipped('Hugging Face does not say whose key it is.');
  const names = [name, ...listAt(answer, 'orgs').flatMap((org) => textAt(org, 'name') ?? [])];
  if (given === undefined) {
    context.suggestions.username = name;
    return ok('No user name is given; models are pushed to the owner of the key.');
  }
  if (names.some((known) => known.toLowerCase() === given.toLowerCase())) return ok('The user name fits the key.');
  context.suggestions.username = name;
  const remedy = 'Give the owner of the key, or an organisation that the key may write to.';
  throw refused('wrong_username', 'The key belongs to another user than the one named.', remedy);
}

function checkSshKey(context: TokenContext, answer: unknown): Outcome {
  const given = (context.content as SecretContents['lambda']).metadata.lambda?.ssh_key_name;
  const names = listAt(answer, 'data').flatMap((entry) => textAt(entry, 'name') ?? []);
  if (given === undefined) {
    const remedy = 'Give the name of an SSH key of your account: instances cannot start without one.';
    throw refused('ssh_key_missing', 'No SSH key is named.', remedy);
  }
  if (names.includes(given)) return ok('The SSH key exists.');
  throw refused(
    'ssh_key_unknown',
    'Your Lambda Cloud account has no SSH key of this name.',
    'Add it under SSH keys there.',
  );
}

function jsonOf(reply: HttpReply | undefined): unknown {
  try {
    return JSON.parse(reply?.body.toString('utf8') ?? 'null');
  } catch {
    // A provider that answers 200 without JSON has still accepted the key; the account stays unknown.
    return undefined;
  }
}

function fieldAt(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function textAt(value: unknown, name: string): string | undefined {
  const field = fieldAt(value, name);
  return typeof field === 'string' && field.length <= 200 ? field : undefined;
}

function listAt(value: unknown, name: string): unknown[] {
  const field = fieldAt(value, name);
  return Array.isArray(field) ? field : [];
}
