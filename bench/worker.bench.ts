/**
 * The training worker against `curl` for the same object on loopback, and against the shell's way to the same end: curl,
 * then both hashes and unpacking by sha256sum and zcat. `fetch` is the time until the last byte has arrived, while it is
 * hashed and unpacked beside; `all` is until both hashes are proven and the records lie in their file.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { workerPath } from '../lib/training/worker-file.ts';
import { startPrivateServer } from '../scripts/private-server.ts';
import { type SampleKind, sampleFile } from './data.ts';
import { watchMemory } from './process-usage.ts';
import { describeMachine, median, printTable, secondsOf } from './table.ts';

const MIB = 2 ** 20;
const SIZE_BYTES = 256 * MIB;
const ROUNDS = 5;

interface Round {
  curl: number;
  shell: number;
  fetch: number;
  all: number;
  peakMiB: number;
}

class Bench {
  readonly #url: string;
  readonly #key: string;
  readonly #folder: string;

  constructor(url: string, key: string, folder: string) {
    this.#url = url;
    this.#key = key;
    this.#folder = folder;
  }

  async call<T>(path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' };
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const answer = await fetch(this.#url + path, { headers, ...init });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as T;
  }

  async upload(path: string): Promise<{ id: string; file_size_bytes: number }> {
    const answer = await fetch(`${this.#url}/api/training/dataset?name=bench&filename=bench.jsonl`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#key}` },
      body: Readable.toWeb(createReadStream(path, { highWaterMark: MIB })),
      duplex: 'half',
    } as RequestInit);
    return ((await answer.json()) as { dataset: { id: string; file_size_bytes: number } }).dataset;
  }

  async round(datasetId: string): Promise<Round> {
    const { url } = await this.call<{ url: string }>(`/api/training/dataset/${datasetId}/download-url`);
    const file = join(this.#folder, 'object');
    const curl = secondsOf(`curl -sS -o ${file} '${url}'`);
    const shell = secondsOf(
      `curl -sS -o ${file} '${url}' && sha256sum ${file} && zcat ${file} | tee ${file}.jsonl | sha256sum`,
    );
    return { curl, shell, ...(await this.work(datasetId)) };
  }

  async work(datasetId: string): Promise<Pick<Round, 'fetch' | 'all' | 'peakMiB'>> {
    await this.call('/api/training/jobs', { dataset_id: datasetId, config: { command: 'true' } });
    const { environment } = await this.call<{ environment: Record<string, string> }>('/api/training/jobs/claim', {
      worker: 'bench',
    });
    const env = { ...environment, PATH: '/usr/local/bin:/usr/bin:/bin', LONGSHORE_URL: this.#url };
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)']).toString().trim();
    const worker = spawn(python, [workerPath(), 'run', '--work-dir', join(this.#folder, 'work')], { env });
    const memory = watchMemory(worker.pid ?? 0);
    const said = worker.stderr.setEncoding('utf8').toArray();
    worker.stdout.resume();
    const [code] = await once(worker, 'close');
    const peakMiB = Math.round(memory.stop() / MIB);
    const text = (await said).join('');
    const [, fetched, all] = /in ([\d.]+) s; .* after ([\d.]+) s/.exec(text) ?? [];
    if (code !== 0 || fetched === undefined) throw new Error(text);
    return { fetch: Number(fetched), all: Number(all), peakMiB };
  }
}

async function measure(kind: SampleKind): Promise<(string | number)[]> {
  const folder = await mkdtemp(join(tmpdir(), 'longshore-bench-worker-'));
  const server = await startPrivateServer(join(folder, 'data'));
  try {
    const bench = new Bench(server.url, server.adminKey, folder);
    const dataset = await bench.upload(await sampleFile(kind, SIZE_BYTES));
    const rounds: Round[] = [];
    for (let round = 0; round < ROUNDS; round++) rounds.push(await bench.round(dataset.id));
    return row(kind, dataset.file_size_bytes, rounds);
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function row(kind: SampleKind, bytes: number, rounds: readonly Round[]): (string | number)[] {
  const of = (name: keyof Round) => median(rounds.map((round) => round[name]));
  const rate = (name: 'curl' | 'fetch' | 'all') => Math.round(bytes / of(name) / 1e6);
  return [
    `${kind}, ${Math.round(bytes / MIB)} MiB object`,
    rate('curl'),
    rate('fetch'),
    median(rounds.map((round) => round.curl / round.fetch)).toFixed(2),
    of('all').toFixed(2),
    median(rounds.map((round) => round.shell / round.all)).toFixed(2),
    Math.max(...rounds.map((round) => round.peakMiB)),
  ];
}

console.log(`${describeMachine()}, medians of ${ROUNDS} rounds\n`);
printTable(
  ['worker', 'curl MB/s', 'fetch MB/s', 'fetch / curl', 'all, s', 'shell time / ours', 'peak MiB'],
  [await measure('chat'), await measure('alpaca')],
);
