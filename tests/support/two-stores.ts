import { createHash } from 'node:crypto';
import { expect, vi } from 'vitest';
import type { DatasetJson, ReplicaJson } from '@/lib/datasets/dataset.ts';
import type { DatasetDownloadUrl } from '@/lib/training/dataset-url-service.ts';
import { type S3Sandbox, startS3Sandbox } from '@/sandbox/s3/start-s3-sandbox.ts';
import { type SupabaseSandbox, startSupabaseSandbox } from '@/sandbox/supabase/start-supabase-sandbox.ts';
import { chatRecords } from './chat-file.ts';
import { startServer, type TestServer } from './server.ts';

const DATASETS = '/api/training/dataset';
const WAIT = { timeout: 60_000, interval: 100 };

export interface Person {
  key: string;
}

/** A real server between a Supabase and an S3 that tests can break, and the calls a person makes. */
export class TwoStores {
  readonly s3: S3Sandbox;
  readonly supabase: SupabaseSandbox;
  readonly server: TestServer;
  #uploads = 0;

  private constructor(parts: { s3: S3Sandbox; supabase: SupabaseSandbox; server: TestServer }) {
    this.s3 = parts.s3;
    this.supabase = parts.supabase;
    this.server = parts.server;
  }

  static async start(env: Record<string, string> = {}): Promise<TwoStores> {
    const [s3, supabase] = [await startS3Sandbox(), await startSupabaseSandbox()];
    const server = await startServer({
      SUPABASE_URL: supabase.url,
      SUPABASE_SERVICE_ROLE_KEY: supabase.serviceRoleKey,
      ALLOW_PRIVATE_ENDPOINTS: 'true',
      ...env,
    });
    return new TwoStores({ s3, supabase, server });
  }

  async close(): Promise<void> {
    await this.server.stop();
    await this.s3.close();
    await this.supabase.close();
  }

  get admin(): Person {
    return { key: this.server.adminKey };
  }

  async addPerson(name: string): Promise<Person> {
    return { key: (await this.#ok('POST', '/api/users', { json: { name } })).key };
  }

  /** Gives a person, else the admin, the bucket of the S3 sandbox. */
  async giveBucket(person?: Person): Promise<void> {
    await this.giveBucketOf(this.s3, person);
  }

  /** Gives a person, else the admin, the bucket of an S3 sandbox. */
  async giveBucketOf(s3: S3Sandbox, person?: Person): Promise<void> {
    const { url: endpoint, bucket, accessKeyId, secretAccessKey } = s3;
    const aws = { secret_access_key: secretAccessKey, s3_bucket: bucket, endpoint };
    await this.#ok('PUT', '/api/secrets/aws', { json: { api_key: accessKeyId, metadata: { aws } }, person });
  }

  /** Enters a phase as the admin. */
  async enter(phase: string, options: { confirm?: boolean; force?: boolean; reason?: string } = {}): Promise<void> {
    await this.#ok('POST', '/api/storage/phase', { json: { phase, ...options } });
  }

  /** Uploads a dataset that no other upload equals. */
  async upload(person = this.admin): Promise<DatasetJson> {
    this.#uploads += 1;
    return (await this.#ok('POST', `${DATASETS}?name=set`, { body: chatRecords(50, this.#uploads), person })).dataset;
  }

  async dataset({ id }: DatasetJson): Promise<DatasetJson> {
    return (await this.#ok('GET', `${DATASETS}/${id}`)).dataset;
  }

  async downloadUrl({ id }: DatasetJson, person = this.admin): Promise<DatasetDownloadUrl> {
    return this.#ok('GET', `${DATASETS}/${id}/download-url`, { person });
  }

  /** Downloads by a fresh URL and holds the bytes to the dataset's hash. */
  async download(dataset: DatasetJson, person = this.admin): Promise<DatasetDownloadUrl> {
    const location = await this.downloadUrl(dataset, person);
    await expectBytes(location.url, dataset);
    return location;
  }

  /**
   * Downloads as a client does that asks for a fresh URL when one fails: a store may have died within the seconds for
   * which it is believed.
   */
  async downloadStubbornly(dataset: DatasetJson, provider: string): Promise<void> {
    await vi.waitFor(async () => {
      const location = await this.downloadUrl(dataset);
      expect(location.provider).toBe(provider);
      await expectBytes(location.url, dataset);
    }, WAIT);
  }

  /** Makes a training job, takes it as its worker, and downloads what it is told to. */
  async train(dataset: DatasetJson): Promise<DatasetDownloadUrl> {
    await this.makeJob(dataset);
    return this.work(dataset);
  }

  /** Makes a training job, which waits for a worker. */
  async makeJob(dataset: DatasetJson): Promise<void> {
    await this.#ok('POST', '/api/training/jobs', { json: { dataset_id: dataset.id } });
  }

  /** Takes the job that waits as its worker, and downloads what it is told to: this dataset. */
  async work(dataset: DatasetJson): Promise<DatasetDownloadUrl> {
    const { environment } = await this.#ok('POST', '/api/training/jobs/claim', { json: { worker: 'agent' } });
    const worker = { key: String(environment.LONGSHORE_JOB_TOKEN) };
    const path = `/api/training/jobs/${environment.LONGSHORE_JOB_ID}/dataset`;
    const location = await this.#ok('GET', path, { person: worker });
    await expectBytes(location.url, dataset);
    return location;
  }

  /** Until each provider has one copy, read back, and nothing else is left of the dataset's copies, nor `without`. */
  async settled(
    dataset: DatasetJson,
    providers: readonly string[],
    { person, without }: { person?: Person; without?: string } = {},
  ): Promise<DatasetJson> {
    return vi.waitFor(async () => {
      const found = (await this.#ok('GET', `${DATASETS}/${dataset.id}`, { person })).dataset as DatasetJson;
      expect(found.replicas.map((copy) => copy.key)).not.toContain(without);
      const copies = found.replicas.map(
        (copy) => `${copy.provider} ${copy.verified_at === null ? copy.state : 'verified'}`,
      );
      expect(copies.sort()).toEqual(providers.map((provider) => `${provider} verified`).sort());
      return found;
    }, WAIT);
  }

  copyIn(dataset: DatasetJson, provider: string): ReplicaJson {
    const copy = dataset.replicas.find((replica) => replica.provider === provider);
    if (copy === undefined) throw new Error(`${dataset.id} has no copy in ${provider}`);
    return copy;
  }

  async #ok(
    method: string,
    path: string,
    { json, body, person }: { json?: unknown; body?: string; person?: Person } = {},
  ) {
    const headers: Record<string, string> = { authorization: `Bearer ${(person ?? this.admin).key}` };
    if (json !== undefined) headers['content-type'] = 'application/json';
    const answer = await this.server.fetch(path, {
      method,
      headers,
      body: json === undefined ? body : JSON.stringify(json),
    });
    const text = await answer.text();
    expect(answer.ok, `${method} ${path}: ${answer.status} ${text}`).toBe(true);
    return JSON.parse(text);
  }
}

async function expectBytes(url: string, dataset: DatasetJson): Promise<void> {
  const answer = await fetch(url);
  expect(answer.status).toBe(200);
  const sha256 = createHash('sha256').update(Buffer.from(await answer.arrayBuffer()));
  expect(sha256.digest('hex')).toBe(dataset.object_sha256);
}
