import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { projectRoot } from '@/lib/config/entry-points.ts';

/** What a first visit may load of script, as it is sent. */
const FIRST_LOAD_BYTES = 250_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longshore-page-'));
  const build = ['vite', 'build', '-c', 'app/web/vite.config.ts', '--outDir', folder, '--emptyOutDir', '--manifest'];
  execFileSync('npx', build, { cwd: projectRoot(), stdio: 'pipe' });
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Chunk {
  file: string;
  imports?: string[];
}

function loadedWith(manifest: Record<string, Chunk>, names: readonly string[], seen = new Set<string>()): Set<string> {
  for (const name of names) {
    const chunk = manifest[name];
    if (chunk === undefined || seen.has(chunk.file)) continue;
    seen.add(chunk.file);
    loadedWith(manifest, chunk.imports ?? [], seen);
  }
  return seen;
}

test('a first visit to the datasets loads less than 250 KB of script, and no chart', () => {
  const manifest: Record<string, Chunk> = JSON.parse(readFileSync(join(folder, '.vite/manifest.json'), 'utf8'));
  const files = [...loadedWith(manifest, ['index.html', 'datasets/dataset-list.tsx'])];
  expect(files.length).toBeGreaterThan(1);
  const sent = files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);
  expect(sent).toBeGreaterThan(50_000);
  expect(sent).toBeLessThan(FIRST_LOAD_BYTES);
  const drawsCharts = (file: string) => readFileSync(join(folder, file), 'utf8').includes('recharts');
  expect(files.filter(drawsCharts)).toEqual([]);
  const scripts = readdirSync(join(folder, 'assets')).filter((file) => file.endsWith('.js'));
  expect(scripts.filter((file) => drawsCharts(join('assets', file)))).not.toEqual([]);
});
