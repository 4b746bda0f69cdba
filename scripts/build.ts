/**
 * Builds the server side into dist/: every process entry, worker entry and API route as its own ES module, shared code
 * split into chunks. Packages in plain JavaScript are bundled with it, so that a start reads dozens of files instead of a
 * thousand. The page is built by Vite into dist/web when app/web exists.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, gzip } from 'node:zlib';
import { build } from 'esbuild';
import { sourceFiles } from './source-files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** A file is an entry point by its name, so that adding a worker or a route needs no list. */
const ENTRY = /^(cli\/main|server\/main|app\/(api|\(root\))\/.*\/?route|(lib|server)\/.*\.(worker|process))\.ts$/;

/** Packages that load native code, WebAssembly or files that lie beside them. */
const EXTERNAL = ['@electric-sql/pglite', 'esbuild', 'fs-native-extensions', 'pino', 'vite'];
const REQUIRE =
  "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";

/** The page, which has a build of its own, stays: tests build the server anew and open the page that is there. */
async function removeServer(): Promise<void> {
  const built = await readdir(`${root}/dist`).catch(() => []);
  const server = built.filter((name) => name !== 'web');
  await Promise.all(server.map((name) => rm(`${root}/dist/${name}`, { recursive: true, force: true })));
}

async function buildServer(): Promise<void> {
  await removeServer();
  await build({
    absWorkingDir: root,
    entryPoints: sourceFiles(root, ['app', 'cli', 'lib', 'server'], ENTRY),
    outbase: '.',
    outdir: 'dist',
    bundle: true,
    splitting: true,
    external: EXTERNAL,
    // Packages in CommonJS ask for Node's own modules by require, which an ES module has to make first.
    banner: { js: REQUIRE },
    platform: 'node',
    target: 'node20.19',
    // Writes constants into the code that uses them: the ingest core is about an eighth faster for it.
    minifySyntax: true,
    format: 'esm',
    sourcemap: 'linked',
    sourcesContent: false,
    chunkNames: 'chunks/[name]-[hash]',
    logLevel: 'warning',
  });
  await cp(`${root}/supabase/migrations`, `${root}/dist/migrations`, { recursive: true });
}

/**
 * An embedded database with every table and no row, ready to be copied by a first start. Making one takes 0.8 GB and some
 * seconds, so it is kept in node_modules/.cache for as long as it would come out the same.
 */
async function addDatabaseTemplate(): Promise<void> {
  const cached = `${root}/node_modules/.cache/longshore/embedded-template-${await recipeDigest()}`;
  if (!existsSync(cached)) await makeDatabaseTemplate(cached);
  await cp(cached, TEMPLATE, { recursive: true });
}

const TEMPLATE = `${root}/dist/embedded-template`;

async function recipeDigest(): Promise<string> {
  const files = [
    ...sourceFiles(root, ['lib/db'], /^lib\/db\/(embedded\/(cluster-folder|engine)|migrator)\.ts$/),
    ...sourceFiles(root, ['supabase/migrations'], /\.sql$/),
    'node_modules/@electric-sql/pglite/package.json',
  ];
  const recipe = await Promise.all(files.map((file) => readFile(`${root}/${file}`)));
  return createHash('sha256').update(Buffer.concat(recipe)).digest('hex').slice(0, 16);
}

/** An empty cluster first; the server's own way to open it brings in the tables. */
async function makeDatabaseTemplate(target: string): Promise<void> {
  const { makeTemplate } = await import('../lib/db/embedded/cluster-folder.ts');
  const { openDatabase } = await import('../lib/db/database.ts');
  const dataDir = `${target}.${process.pid}`;
  await mkdir(dirname(target), { recursive: true });
  try {
    await makeTemplate(TEMPLATE);
    await mkdir(dataDir);
    await (await openDatabase({ dataDir })).close();
    // Another build may have been first: its template is the same. Any other fault shows when the template is copied.
    await rename(`${dataDir}/postgres`, target).catch(() => undefined);
  } finally {
    await rm(TEMPLATE, { recursive: true, force: true });
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function buildPage(): Promise<void> {
  if (!existsSync(`${root}/app/web/index.html`)) return;
  const vite = await import('vite');
  await vite.build({ configFile: `${root}/app/web/vite.config.ts`, logLevel: 'warn' });
  await Promise.all(sourceFiles(`${root}/dist`, ['web'], /\.(js|css|html|svg)$/).map(compressBeside));
}

/** The server sends these as they are: compressing once here is smaller and costs no request anything. */
async function compressBeside(path: string): Promise<void> {
  const file = `${root}/dist/${path}`;
  const bytes = await readFile(file);
  await writeFile(`${file}.br`, await promisify(brotliCompress)(bytes));
  await writeFile(`${file}.gz`, await promisify(gzip)(bytes, { level: 9 }));
}

await buildServer();
await addDatabaseTemplate();
if (!process.argv.includes('--server-only')) await buildPage();
