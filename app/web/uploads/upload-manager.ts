import type { Upload } from 'tus-js-client';
import { type FormatChoice, isTextFormat } from '@/lib/ingest/types.ts';
import type { Problem } from '../shared/api/types.ts';
import { checkInWorker } from './check/check-in-worker.ts';
import { Rate } from './rate.ts';
import { type Interrupted, interruptedUploads, problemOf, resultOf, startTus } from './tus-upload.ts';
import type { UploadItem, UploadStep } from './upload-item.ts';

interface Limits {
  maxUploadBytes: number | undefined;
  maxRecordBytes: number | undefined;
}

/** What belongs to an item and is nothing to show. */
interface Work {
  file?: File;
  upload?: Upload;
  stopCheck?: () => void;
  earlier?: Interrupted;
  /** How the file is to be read. */
  format: FormatChoice;
  rate: Rate;
}

/**
 * The uploads of this page, one sent at a time, each checked before. Lives as long as the page, whatever screen is shown.
 * `onStored` is called after each that became a dataset.
 */
export class UploadManager {
  #items: readonly UploadItem[] = [];
  readonly #work = new Map<string, Work>();
  readonly #listeners = new Set<() => void>();
  readonly #onStored: () => void;
  #limits: Limits = { maxUploadBytes: undefined, maxRecordBytes: undefined };
  #format: FormatChoice = 'auto';
  #nextId = 1;

  constructor(onStored: () => void) {
    this.#onStored = onStored;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly items = (): readonly UploadItem[] => this.#items;

  setLimits(limits: Limits): void {
    this.#limits = limits;
  }

  get format(): FormatChoice {
    return this.#format;
  }

  /** How files that are added from now on are to be read. */
  setFormat(format: FormatChoice): void {
    this.#format = format;
  }

  /** Shows what an earlier load of the page left unfinished. */
  async restore(): Promise<void> {
    for (const earlier of await interruptedUploads()) {
      if (this.#find(earlier.name, earlier.size) !== undefined) continue;
      const state = { step: 'interrupted', sent: earlier.sent } as const;
      this.#add({ name: earlier.name, size: earlier.size, state }, { earlier, format: earlier.format });
    }
  }

  /** Takes files in. One that was interrupted goes on where it stopped. */
  add(files: readonly File[]): void {
    for (const file of files) {
      const known = this.#find(file.name, file.size);
      const begun = known?.state.step === 'interrupted' ? this.#work.get(known.id)?.format : undefined;
      if (known?.state.step === 'interrupted') this.#drop(known.id);
      const work = { file, format: begun ?? this.#format };
      const id = this.#add({ name: file.name, size: file.size, state: { step: 'waiting' } }, work);
      this.#begin(id, file);
    }
  }

  pause(id: string): void {
    const item = this.#get(id);
    if (item?.state.step !== 'sending') return;
    void this.#work.get(id)?.upload?.abort();
    this.#set(id, { step: 'paused', sent: item.state.sent });
  }

  /** Goes on after a pause, and after a failure of the connection. */
  resume(id: string): void {
    const work = this.#work.get(id);
    const state = this.#get(id)?.state;
    if (work?.upload === undefined || state === undefined) return;
    work.rate.reset();
    this.#set(id, { step: 'sending', sent: state.step === 'paused' ? state.sent : 0, bytesPerSecond: 0 });
    work.upload.start();
  }

  /** Sends what the check refused: the server has the last word. */
  sendAnyway(id: string): void {
    const file = this.#work.get(id)?.file;
    if (file !== undefined) void this.#send(id, file);
  }

  /** Takes an item away. What was sent of it so far is given up, on the server too. */
  async remove(id: string): Promise<void> {
    const work = this.#work.get(id);
    const step = this.#get(id)?.state.step;
    this.#drop(id);
    work?.stopCheck?.();
    await work?.earlier?.forget();
    // Where the server cannot be told, it removes what it holds when the upload expires.
    if (step === 'sending' || step === 'paused' || step === 'failed')
      await work?.upload?.abort(true).catch(() => undefined);
    this.#sendNext();
  }

  #begin(id: string, file: File): void {
    const { maxUploadBytes } = this.#limits;
    if (maxUploadBytes !== undefined && file.size > maxUploadBytes) this.#set(id, tooLarge(maxUploadBytes));
    else if (isTextFormat(this.#formatOf(id))) this.#sendNext();
    else this.#check(id, file);
  }

  #formatOf(id: string): FormatChoice {
    return this.#work.get(id)?.format ?? 'auto';
  }

  /** Records alone: of plain text only the server knows what becomes of it. */
  #check(id: string, file: File): void {
    this.#set(id, { step: 'checking', records: 0, bytes: 0 });
    const task = { file, format: this.#formatOf(id), maxRecordBytes: this.#limits.maxRecordBytes };
    const run = checkInWorker(task, ({ records, bytes }) => this.#set(id, { step: 'checking', records, bytes }));
    this.#patchWork(id, { stopCheck: run.stop });
    void run.result.then((check) => {
      if (this.#get(id) === undefined) return;
      this.#patch(id, { check, state: { step: check?.verdict === 'bad' ? 'refused' : 'waiting' } });
      this.#sendNext();
    });
  }

  /** One at a time: two at once would only halve the rate of each. */
  #sendNext(): void {
    if (this.#items.some(({ state }) => state.step === 'sending')) return;
    const next = this.#items.find(({ state }) => state.step === 'waiting');
    const file = next === undefined ? undefined : this.#work.get(next.id)?.file;
    if (next !== undefined && file !== undefined) void this.#send(next.id, file);
  }

  async #send(id: string, file: File): Promise<void> {
    const rate = this.#work.get(id)?.rate ?? new Rate();
    this.#set(id, { step: 'sending', sent: 0, bytesPerSecond: 0 });
    const upload = await startTus(file, this.#formatOf(id), {
      onProgress: (sent) => {
        if (this.#get(id)?.state.step === 'sending')
          this.#set(id, { step: 'sending', sent, bytesPerSecond: rate.add(sent) });
      },
      onError: (problem) => this.#fail(id, problem),
      onSent: (uploadId) => void this.#store(id, uploadId),
    });
    this.#patchWork(id, { upload });
  }

  async #store(id: string, uploadId: string): Promise<void> {
    this.#set(id, { step: 'storing' });
    this.#sendNext();
    try {
      this.#set(id, { step: 'done', datasetId: await resultOf(uploadId) });
      this.#onStored();
    } catch (error) {
      this.#fail(id, problemOf(error));
    }
  }

  #fail(id: string, problem: Problem): void {
    this.#set(id, { step: 'failed', problem });
    this.#sendNext();
  }

  #add(item: Pick<UploadItem, 'name' | 'size' | 'state'>, work: Omit<Work, 'rate'>): string {
    const id = `upload-${this.#nextId++}`;
    this.#work.set(id, { ...work, rate: new Rate() });
    this.#items = [{ ...item, id, check: undefined }, ...this.#items];
    this.#tell();
    return id;
  }

  #find(name: string, size: number): UploadItem | undefined {
    return this.#items.find((item) => item.name === name && item.size === size);
  }

  #get(id: string): UploadItem | undefined {
    return this.#items.find((item) => item.id === id);
  }

  #set(id: string, state: UploadStep): void {
    this.#patch(id, { state });
  }

  #patch(id: string, change: Partial<UploadItem>): void {
    this.#items = this.#items.map((item) => (item.id === id ? { ...item, ...change } : item));
    this.#tell();
  }

  #patchWork(id: string, change: Partial<Work>): void {
    const work = this.#work.get(id);
    if (work !== undefined) Object.assign(work, change);
  }

  #drop(id: string): void {
    this.#work.delete(id);
    this.#items = this.#items.filter((item) => item.id !== id);
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function tooLarge(limit: number): UploadStep {
  const problem: Problem = {
    code: 'upload_too_large',
    status: 413,
    detail: `The file is larger than this installation takes (${limit.toLocaleString()} bytes).`,
    hint: 'Compress it, split it, or ask an admin to raise MAX_UPLOAD_BYTES.',
  };
  return { step: 'failed', problem };
}
