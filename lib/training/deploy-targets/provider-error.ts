import { LongshoreError, type LongshoreErrorOptions } from '@/lib/errors.ts';
import { redactText } from '@/lib/observability/redact.ts';
import { MASK } from './deploy-target.ts';

export type ProviderErrorCode =
  | 'target_secret_missing' // the user has stored no credentials for it
  | 'target_key_refused'
  | 'target_forbidden' // the key is known, and not allowed to do this
  | 'target_balance' // nothing is rented without money
  | 'target_quota'
  | 'target_no_capacity'
  | 'target_rate_limited'
  | 'target_request_refused' // it does not like what was asked for
  | 'target_ssh_key_required'
  | 'target_role_required'
  | 'target_unavailable'; // no answer, or one that makes no sense

/** What a provider said instead of doing it. Holds no secret. */
export class ProviderError extends LongshoreError {
  /** The thing may have happened all the same: nobody heard the answer. */
  readonly uncertain: boolean;

  constructor(code: ProviderErrorCode, message: string, options: LongshoreErrorOptions & { uncertain?: boolean } = {}) {
    super(code, message, options);
    this.name = 'ProviderError';
    this.uncertain = options.uncertain ?? false;
  }
}

export function isUncertain(error: unknown): boolean {
  return !(error instanceof LongshoreError) || (error instanceof ProviderError && error.uncertain);
}

/** What `create` makes; where nobody heard the answer, what `find` finds instead, so that nothing is made twice. */
export async function createdOrFound<T>(parts: {
  create: () => Promise<T>;
  find: () => Promise<T | undefined>;
}): Promise<T> {
  try {
    return await parts.create();
  } catch (error) {
    if (!isUncertain(error)) throw error;
    // Who cannot be asked either leaves it as uncertain as it was.
    const found = await parts.find().catch(() => undefined);
    if (found === undefined) throw error;
    return found;
  }
}

export function secretMissing(title: string, provider: string): ProviderError {
  return new ProviderError('target_secret_missing', `You have no ${title} credentials here.`, {
    hint: `Store them with PUT /api/secrets/${provider}.`,
  });
}

const MAX_WORDS = 300;

/** A provider's own words: short, and without anything that was sent to it in confidence. */
export function providerWords(text: unknown, secrets: readonly string[]): string {
  if (typeof text !== 'string' || text === '') return '';
  const masked = secrets.reduce((rest, secret) => (secret === '' ? rest : rest.replaceAll(secret, MASK)), text);
  return redactText(masked).replace(/\s+/g, ' ').trim().slice(0, MAX_WORDS);
}
