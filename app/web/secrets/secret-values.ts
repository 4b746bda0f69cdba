import type { ProviderDescription, ProviderField, SecretView } from '../shared/api/types.ts';

/** By the field's name, which is its path in the request. */
export type Values = Readonly<Record<string, string>>;

/** A field that the server never gives back: left empty it can keep what is stored. */
export function isKey(field: ProviderField): boolean {
  return field.secret || field.name === 'api_key';
}

/** What is known of the stored secret, to be changed; keys are empty. */
export function valuesOf(provider: ProviderDescription, stored: SecretView | undefined): Values {
  return Object.fromEntries(
    provider.fields.map((field) => [field.name, isKey(field) ? '' : textAt(stored, field.name.split('.'))]),
  );
}

export function keysEmptied(provider: ProviderDescription): Values {
  return Object.fromEntries(provider.fields.filter(isKey).map(({ name }) => [name, '']));
}

function textAt(value: unknown, path: readonly string[]): string {
  const [first, ...rest] = path;
  if (first === undefined) return typeof value === 'string' ? value : '';
  return typeof value === 'object' && value !== null ? textAt((value as Record<string, unknown>)[first], rest) : '';
}

/** The request's body, without what is empty; and whether the keys are to be those that are stored. */
export function bodyOf(
  provider: ProviderDescription,
  values: Values,
  stored: SecretView | undefined,
): { body: Record<string, unknown>; keepsKeys: boolean } {
  const body: Record<string, unknown> = { metadata: {} };
  for (const { name } of provider.fields) {
    const value = (values[name] ?? '').trim();
    if (value !== '') put(body, name.split('.'), value);
  }
  const empty = provider.fields.filter(isKey).every(({ name }) => (values[name] ?? '').trim() === '');
  return { body, keepsKeys: stored !== undefined && empty };
}

function put(target: Record<string, unknown>, [first = '', ...rest]: readonly string[], value: string): void {
  if (rest.length === 0) {
    target[first] = value;
    return;
  }
  const inner = (target[first] ?? {}) as Record<string, unknown>;
  target[first] = inner;
  put(inner, rest, value);
}
