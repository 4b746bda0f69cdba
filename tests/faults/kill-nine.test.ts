/**
 * Real servers are killed at random instants through many uploads and deletions. Afterwards: no answered dataset is lost,
 * its bytes hash to what was answered, no object lies without a row, no row without an object, and no spool file is left.
 *
 * The same seed chooses the same instants: KILL_SEED, KILL_ROUNDS.
 */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { expect, test, vi } from 'vitest';
import type { DatasetJson } from '@/lib/datasets/dataset.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';
import { dataRemains } from '@/tests/support/data-remains.ts';
import { startServer, type TestServer } from '@/tests/support/server.ts';

const SEED = Number(process.env.KILL_SEED ?? 1);
const ROUNDS = Number(process.env.KILL_ROUNDS ?? 5);
const DATASETS = '/api/training/dataset';
/** Answers that a server may give before its kill is prepared: at most this many. */
const MOST_ANSWERS = 4;

/** Numbers in [0, 1) that a seed decides. */
function seededRandom(seed: number): () => number {
  let step = 0;
  return () => {
    step += 1;
    return createHash('sha256').update(`${seed} ${step}`).digest().readUInt32BE(0) / 2 ** 32;
  };
}

interface Promised {
  /** Datasets that were answered with 201, by id. */
  made: Map<string, { contentSha256: string; key: string }>;
  /** Deletions that were answered, and those that were sent and not answered: either outcome is right for these. */
  deleted: Set<string>;
  perhapsDeleted: Set<string>;
  /** Bodies sent under each Idempotency-Key. */
  sent: Map<string, string>;
  /** How long the last answered upload took: the measure of the kill's delay, on a fast machine and on a busy one. */
  uploadMs: number;
  onAnswer: () => void;
}

const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

/** Uploads, and now and then deletes, until the server dies. Writes down only what was answered in full. */
async function work(server: TestServer, promised: Promised, random: () => number, worker: string): Promise<void> {
  try {
    for (let turn = 0; ; turn += 1) {
      const key = `${worker}-${turn}`;
      const body = chatRecords(1 + Math.floor(random() * 300), Math.floor(random() * 1e6));
      promised.sent.set(key, body);
      await upload(server, promised, key, body);
      if (random() < 0.3) await deleteOne(server, promised, random);
    }
  } catch (error) {
    // The connection ended with the server; everything else is a finding.
    if (!(error instanceof TypeError)) throw error;
  }
}

async function upload(server: TestServer, promised: Promised, key: string, body: string): Promise<DatasetJson> {
  const headers = { 'idempotency-key': key };
  const began = performance.now();
  const response = await server.fetch(`${DATASETS}?name=${key}`, { method: 'POST', body, headers });
  const text = await response.text();
  expect(response.status, text).toBe(201);
  const { dataset } = JSON.parse(text) as { dataset: DatasetJson };
  expect(dataset.content_sha256).toBe(sha256(body));
  promised.made.set(dataset.id, { contentSha256: sha256(body), key });
  promised.uploadMs = performance.now() - began;
  promised.onAnswer();
  return dataset;
}

async function deleteOne(server: TestServer, promised: Promised, random: () => number): Promise<void> {
  const living = [...promised.made.keys()].filter(
    (id) => !promised.deleted.has(id) && !promised.perhapsDeleted.has(id),
  );
  const id = living[Math.floor(random() * living.length)];
  if (id === undefined) return;
  promised.perhapsDeleted.add(id);
  const response = await server.fetch(`${DATASETS}/${id}`, { method: 'DELETE' });
  expect(response.status).toBe(204);
  promised.deleted.add(id);
}

async function killRound(dataDir: string, round: number, promised: Promised, random: () => number): Promise<void> {
  const server = await startServer({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' });
  const answers = 1 + Math.floor(random() * MOST_ANSWERS);
  const share = random();
  const answered = new Promise<void>((resolve) => {
    const enough = promised.made.size + answers;
    promised.onAnswer = () => (promised.made.size >= enough ? resolve() : undefined);
  });
  const workers = ['a', 'b', 'c'].map((name) => work(server, promised, random, `${SEED}-${round}-${name}`));
  await Promise.race([answered, Promise.all(workers)]);
  // Some instant within the next upload: before, in or after any of its steps.
  await new Promise((resolve) => setTimeout(resolve, share * promised.uploadMs));
  await server.kill9();
  await Promise.all(workers);
}

async function everyDataset(server: TestServer): Promise<DatasetJson[]> {
  const all: DatasetJson[] = [];
  for (let cursor = ''; ; ) {
    const page = await (await server.fetch(`${DATASETS}?status=all&limit=200${cursor}`)).json();
    all.push(...page.datasets);
    if (page.next_cursor === null) return all;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

/** Until background work has nothing left to do: everything ready, read back, released and cleaned up. */
async function settled(server: TestServer): Promise<DatasetJson[]> {
  return vi.waitFor(
    async () => {
      const datasets = await everyDataset(server);
      for (const { status, replicas } of datasets) {
        expect(status).toBe('ready');
        expect(replicas.map((replica) => replica.verified_at !== null)).toEqual([true]);
      }
      const remains = await dataRemains(server.dataDir);
      expect(remains.spool).toEqual([]);
      expect(objectNames(remains.objects)).toEqual(expectedObjects(datasets));
      return datasets;
    },
    { timeout: 120_000, interval: 250 },
  );
}

/** Keys of objects whose record is there; data files that a killed put left are swept by age and are no objects. */
function objectNames(files: readonly string[]): string[] {
  return files
    .filter((name) => name.endsWith('~.json'))
    .map((name) => name.slice(0, -'~.json'.length))
    .sort();
}

function expectedObjects(datasets: readonly DatasetJson[]): string[] {
  return datasets.flatMap(({ id }) => [`${id}.jsonl.gz`, `${id}.manifest.json`]).sort();
}

async function checkBytes(server: TestServer, dataset: DatasetJson, contentSha256: string): Promise<void> {
  const { url } = await (await server.fetch(`${DATASETS}/${dataset.id}/download-url`)).json();
  const object = new Uint8Array(await (await fetch(url)).arrayBuffer());
  expect(sha256(object)).toBe(dataset.object_sha256);
  expect(sha256(gunzipSync(object))).toBe(contentSha256);
}

test(`after kills at random instants every promise holds (seed ${SEED}, ${ROUNDS} kills)`, {
  timeout: 600_000,
}, async () => {
  const random = seededRandom(SEED);
  const promised: Promised = {
    made: new Map(),
    deleted: new Set(),
    perhapsDeleted: new Set(),
    sent: new Map(),
    uploadMs: 0,
    onAnswer: () => undefined,
  };
  const first = await startServer({ LOG_LEVEL: 'warn' });
  const { dataDir } = first;
  await first.kill9();
  for (let round = 0; round < ROUNDS; round += 1) await killRound(dataDir, round, promised, random);

  const server = await startServer({ DATA_DIR: dataDir, LOG_LEVEL: 'warn' });
  try {
    const datasets = await settled(server);
    expect(promised.made.size).toBeGreaterThanOrEqual(ROUNDS);
    const found = new Map(datasets.map((dataset) => [dataset.id, dataset]));
    for (const [id, { contentSha256 }] of promised.made) {
      const dataset = found.get(id);
      if (promised.deleted.has(id)) expect(dataset, `deleted ${id} is back`).toBeUndefined();
      else if (!promised.perhapsDeleted.has(id)) expect(dataset, `answered ${id} is lost`).toBeDefined();
      if (dataset !== undefined) await checkBytes(server, dataset, contentSha256);
    }
    // A request that was cut off is repeated under its key: it gives one dataset, whether it had been made or not.
    const cutOff = [...promised.sent.keys()].length - promised.made.size;
    expect(cutOff, 'no kill fell into a request').toBeGreaterThan(0);
    const answered = new Set([...promised.made.values()].map(({ key }) => key));
    for (const [key, body] of promised.sent) if (!answered.has(key)) await upload(server, promised, key, body);
    const names = (await settled(server)).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  } finally {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
  }
});
