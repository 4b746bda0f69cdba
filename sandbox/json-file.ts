import { readFileSync, renameSync, writeFileSync } from 'node:fs';

/**
 * Replaces the file in one step, so that a kill leaves the old or the new content. Synchronous on purpose: what is in
 * memory and what is on disk then change in the same instant, whatever else is under way.
 */
export function writeJson(path: string, value: unknown): void {
  const temporary = `${path}.tmp`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}

export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
