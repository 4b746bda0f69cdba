import { existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { LongshoreError } from '@/lib/errors.ts';

const CLUSTER = 'postgres';
const UNFINISHED = 'postgres.new';

/** Folder that the build left ready, see scripts/build.ts. */
export function templateFolder(): string {
  return join(projectRoot(), 'dist', 'embedded-template');
}

/**
 * Makes an empty cluster in `folder`, which must not exist. Takes 0.8 GB and some seconds, so it is done when building:
 * the first start only copies. Template databases are dropped (7 MB each that nobody uses), WAL files are small.
 */
export async function makeTemplate(folder: string): Promise<void> {
  const pglite = await PGlite.create(folder, { initDbStartParams: ['--wal-segsize=4', '--no-sync'] });
  await pglite.exec(`
    update pg_database set datistemplate = false, datallowconn = true where datname in ('template0', 'template1')`);
  await pglite.exec('drop database template0');
  await pglite.exec('drop database template1');
  await pglite.exec('vacuum (freeze, analyze)');
  await pglite.close();
}

/**
 * The cluster's folder in a data directory that the caller has locked, copied from the template at the first start. The
 * copy is durable before it gets its name: a start that is cut short leaves nothing that looks like a database.
 */
export async function ensureCluster(dataDir: string, template: string = templateFolder()): Promise<string> {
  const folder = join(dataDir, CLUSTER);
  await rm(join(dataDir, UNFINISHED), { recursive: true, force: true });
  const wanted = await versionOf(template);
  if (wanted === undefined) throw new Error(`${template} is not there. Run: npm run build`);
  const found = await versionOf(folder);
  if (found === undefined) await copyDurably(template, dataDir);
  else if (found !== wanted) throw wrongVersion(folder, found, wanted);
  return folder;
}

async function versionOf(folder: string): Promise<string | undefined> {
  const file = join(folder, 'PG_VERSION');
  return existsSync(file) ? (await readFile(file, 'utf8')).trim() : undefined;
}

async function copyDurably(template: string, dataDir: string): Promise<void> {
  const unfinished = join(dataDir, UNFINISHED);
  await copyTree(template, unfinished);
  await rename(unfinished, join(dataDir, CLUSTER));
  await syncPath(dataDir);
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: 0o700 });
  const entries = await readdir(from, { withFileTypes: true });
  await Promise.all(
    entries.map(async (entry) => {
      const [source, target] = [join(from, entry.name), join(to, entry.name)];
      if (entry.isDirectory()) return copyTree(source, target);
      await copyFile(source, target);
      await syncPath(target);
    }),
  );
  await syncPath(to);
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function wrongVersion(folder: string, found: string, wanted: string): LongshoreError {
  return new LongshoreError('embedded_version_mismatch', `${folder} was made by PostgreSQL ${found}, not ${wanted}.`, {
    hint: 'Make a backup with the release that made it (longshore backup), and restore that into an empty DATA_DIR.',
    details: { found, wanted },
  });
}
