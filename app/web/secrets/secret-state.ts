import type { SecretProvider, SecretView } from '../shared/api/types.ts';
import type { Tone } from '../shared/ui/badge.tsx';

/** The versions of one provider that count, as a person thinks of them. */
export interface ProviderSecrets {
  /** The one in use. */
  active: SecretView | undefined;
  /** Newer than the one in use, and not used before a test passes. */
  waiting: SecretView | undefined;
  /** Replaced, and kept while copies are still reached by it. */
  superseded: SecretView[];
}

export function secretsOf(secrets: readonly SecretView[], provider: SecretProvider): ProviderSecrets {
  const own = secrets.filter((secret) => secret.provider === provider).sort((a, b) => b.version - a.version);
  const active = own.find((secret) => secret.state === 'active');
  const waiting = own.find((secret) => secret.state === 'failed' || secret.state === 'untested');
  return { active, waiting, superseded: own.filter((secret) => secret.state === 'superseded') };
}

export function stateOf({ active, waiting }: ProviderSecrets): { word: string; tone: Tone } {
  if (active?.report?.status === 'failed') return { word: 'failing', tone: 'bad' };
  if (active !== undefined) return { word: 'working', tone: 'good' };
  if (waiting?.state === 'failed') return { word: 'test failed', tone: 'bad' };
  if (waiting !== undefined) return { word: 'not tested', tone: 'warn' };
  return { word: 'not set', tone: 'neutral' };
}
