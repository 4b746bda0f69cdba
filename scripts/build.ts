/**
 * Builds the server side into dist/: every process entry, worker entry and API route as its own ES module, shared code
 * split into chunks, packages left in node_modules. The page is built by Vite into dist/web when app/web exists.
 */
import { existsSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { sourceFiles } from './source-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A file is an entry point by its name, so that adding a worker or a route needs no list. */
const ENTRY = /^(cli\/main|server\/main|app\/(api|\(root\))\/.*\/?route|(lib|server)\/.*\.(worker|process))\.ts$/;

async function buildServer(): Promise<void> {
  await rm(`${root}/dist`, { recursive: true, force: true });
  await build({
    absWorkingDir: root,
    entryPoints: sourceFiles(root, ['app', 'cli', 'lib', 'server'], ENTRY),
    outbase: '.',
    outdir: 'dist',
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    target: 'node20.19',
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
  });
  await cp(`${root}/supabase/migrations`, `${root}/dist/migrations`, { recursive: true });
}

async function buildPage(): Promise<void> {
  if (!existsSync(`${root}/app/web/index.html`)) return;
  const vite = await import('vite');
  await vite.build({ configFile: `${root}/app/web/vite.config.ts`, logLevel: 'warn' });
}

await buildServer();
if (!process.argv.includes('--server-only')) await buildPage();
