import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const folder = new URL('./', import.meta.url);
const page = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');

it('every code in the sources of ingest is explained in docs/formats.md', () => {
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
  );
  const codes = sources.flatMap(
    (path) => readFileSync(new URL(path, folder), 'utf8').match(/\b[EWI]_[A-Z0-9_]{2,}\b/g) ?? [],
  );
  expect(new Set(codes).size).toBeGreaterThan(100);
  expect([...new Set(codes)].filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
