import { DetailedError, defaultOptions, Upload } from 'tus-js-client';
import type { FormatChoice } from '@/lib/ingest/types.ts';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { Problem } from '../shared/api/types.ts';
import { knownFormat } from './format-choice.ts';

const ENDPOINT = '/api/training/uploads';
const CHUNK_BYTES = 8 * 1024 * 1024;
const RETRY_DELAYS_MS = [0, 500, 1000, 2000, 4000, 8000, 15_000];
const KEY = 'longshore';

/** The same file chosen again is known by its name, size and time; read in another way it is another upload. */
function fingerprintOf({ name, size, lastModified }: File, format: FormatChoice): string {
  const parts = [KEY, name, size, lastModified];
  return (format === 'auto' ? parts : [...parts, format]).join('|');
}

export interface TusEvents {
  onProgress(sent: number): void;
  onSent(uploadId: string): void;
  onError(problem: Problem): void;
}

/** Sends a file so that it can be interrupted at any byte: by a pause, a lost connection, or a reload of the page. */
export async function startTus(file: File, format: FormatChoice, events: TusEvents): Promise<Upload> {
  const upload = new Upload(file, {
    endpoint: ENDPOINT,
    chunkSize: CHUNK_BYTES,
    retryDelays: RETRY_DELAYS_MS,
    removeFingerprintOnSuccess: true,
    fingerprint: async () => fingerprintOf(file, format),
    metadata: { name: file.name, filename: file.name, format },
    onProgress: (sent) => events.onProgress(sent),
    onError: (error) => events.onError(problemOf(error)),
    onSuccess: () => events.onSent(idOf(upload.url ?? '')),
  });
  const [previous] = await upload.findPreviousUploads();
  if (previous !== undefined) upload.resumeFromPreviousUpload(previous);
  upload.start();
  return upload;
}

/** An upload that an earlier load of the page began and did not finish. */
export interface Interrupted {
  name: string;
  size: number;
  /** As it was begun. */
  format: FormatChoice;
  /** Bytes that the server has. */
  sent: number | undefined;
  /** Takes it away, here and on the server. */
  forget(): Promise<void>;
}

/** What was begun in this browser and is still wanted by the server. */
export async function interruptedUploads(): Promise<Interrupted[]> {
  const storage = defaultOptions.urlStorage;
  const all = (await storage?.findAllUploads()) ?? [];
  const own = all.filter(({ urlStorageKey }) => urlStorageKey.includes(`${KEY}|`));
  const found = await Promise.all(
    own.map(async ({ urlStorageKey, uploadUrl, metadata, size }) => {
      const drop = () => storage?.removeUpload(urlStorageKey) ?? Promise.resolve();
      const sent = uploadUrl === null ? undefined : await offsetOf(uploadUrl);
      if (uploadUrl === null || sent === 'gone') {
        await drop();
        return undefined;
      }
      const forget = async () => {
        await fetch(uploadUrl, { method: 'DELETE', headers: { 'tus-resumable': '1.0.0' } });
        await drop();
      };
      const format = knownFormat(metadata.format);
      return { name: metadata.name ?? 'file', size: size ?? 0, format, sent, forget };
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** Undefined: nobody answers, so nothing is known against it. */
async function offsetOf(url: string): Promise<number | undefined | 'gone'> {
  try {
    const answer = await fetch(url, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    if (answer.status === 404 || answer.status === 410) return 'gone';
    return answer.ok ? Number(answer.headers.get('upload-offset')) : undefined;
  } catch {
    return undefined;
  }
}

function idOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}

interface UploadResult {
  status: 'receiving' | 'processing' | 'ready' | 'failed' | 'expired';
  dataset_id?: string;
  problem?: Problem;
}

const FIRST_WAIT_MS = 150;
const LONGEST_WAIT_MS = 2000;

/** Waits for what became of an upload. The answer is durable: a lost connection only delays it. */
export async function resultOf(uploadId: string): Promise<string> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 1.5, LONGEST_WAIT_MS)) {
    const result = await resultNow(uploadId);
    if (result?.status === 'ready' && result.dataset_id !== undefined) return result.dataset_id;
    if (result?.status === 'failed' && result.problem !== undefined) throw new ApiProblem(result.problem);
    if (result?.status === 'expired') {
      const detail = 'The server no longer knows this upload.';
      throw new ApiProblem({ code: 'upload_expired', status: 410, detail, hint: 'Drop the file again.' });
    }
    await new Promise((done) => setTimeout(done, waitMs));
  }
}

async function resultNow(uploadId: string): Promise<UploadResult | undefined> {
  try {
    return await api<UploadResult>(`${ENDPOINT}/${uploadId}/result`);
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.status === 0) return undefined;
    throw error;
  }
}

export function problemOf(error: unknown): Problem {
  if (error instanceof ApiProblem) return error.problem;
  const answer = error instanceof DetailedError ? error.originalResponse : undefined;
  const status = answer?.getStatus() ?? 0;
  if (status === 0) {
    return {
      code: 'connection_lost',
      status,
      detail: 'The connection was lost, and several attempts did not bring it back.',
      hint: 'Nothing of what was sent is lost: go on when the server answers again.',
    };
  }
  return bodyOf(answer?.getBody() ?? '', status);
}

function bodyOf(body: string, status: number): Problem {
  const plain = { code: 'upload_failed', status, detail: body === '' ? `The server answered ${status}.` : body };
  try {
    return { ...plain, ...JSON.parse(body) };
  } catch {
    return plain;
  }
}
