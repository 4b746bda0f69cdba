import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe } from 'vitest';
import { type Database, type DatabaseHandle, type DatabaseKind, openDatabase } from '@/lib/db/database.ts';
import { removeAllRows } from './empty-database.ts';
import { startTestPostgres } from './postgres.ts';

export { removeAllRows } from './empty-database.ts';

export interface TestDatabase {
  readonly kind: DatabaseKind;
  /** Valid inside tests and hooks. */
  readonly db: Database;
  readonly handle: DatabaseHandle;
}

interface Source {
  kind: DatabaseKind;
  open(): Promise<{ handle: DatabaseHandle; release(): Promise<void> }>;
}

const SOURCES: readonly Source[] = [
  { kind: 'postgres', open: openOnPostgres },
  { kind: 'embedded', open: openEmbedded },
];

/** Runs the suite on every kind of database there is: the same SQL must work on all. Every test starts without rows. */
export function describeDatabase(name: string, suite: (database: TestDatabase) => void): void {
  for (const source of SOURCES) describe(`${name} on ${source.kind}`, () => runOn(source, suite));
}

function runOn(source: Source, suite: (database: TestDatabase) => void): void {
  let opened: Awaited<ReturnType<Source['open']>> | undefined;
  const current = () => {
    if (!opened) throw new Error('The database is there inside tests and hooks only');
    return opened;
  };
  beforeAll(async () => {
    opened = await source.open();
  });
  beforeEach(() => removeAllRows(current().handle.db));
  afterAll(() => opened?.release());
  suite({
    kind: source.kind,
    get db() {
      return current().handle.db;
    },
    get handle() {
      return current().handle;
    },
  });
}

async function openOnPostgres(): ReturnType<Source['open']> {
  const cluster = await startTestPostgres();
  const handle = await openDatabase({ url: await cluster.createDatabase() });
  const release = async () => {
    await handle.close();
    await cluster.stop();
  };
  return { handle, release };
}

async function openEmbedded(): ReturnType<Source['open']> {
  const dataDir = await mkdtemp(join(tmpdir(), 'longshore-db-'));
  const handle = await openDatabase({ dataDir });
  const release = async () => {
    await handle.close();
    await rm(dataDir, { recursive: true });
  };
  return { handle, release };
}
