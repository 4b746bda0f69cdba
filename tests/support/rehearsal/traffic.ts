import { setTimeout as sleep } from 'node:timers/promises';
import { idOf, objectOf, type Random, seededRandom, sha256 } from '@/tests/support/rehearsal/cast.ts';
import type { Ledger } from '@/tests/support/rehearsal/seeding.ts';
import type { Stage } from '@/tests/support/rehearsal/stage.ts';

const DATASETS = '/api/training/dataset';

/** What goes on meanwhile: uploads and deletions by the old application, and by people through Longshore. */
export class Traffic {
  readonly #stage: Stage;
  readonly #ledger: Ledger;
  readonly #seed: number;
  readonly #pauseMs: number;
  readonly #stopping = new AbortController();
  readonly #workers: Promise<void>[] = [];
  #failure: unknown;
  uploads = 0;
  deletions = 0;

  constructor(stage: Stage, ledger: Ledger, options: { seed: number; pauseMs: number }) {
    this.#stage = stage;
    this.#ledger = ledger;
    this.#seed = options.seed;
    this.#pauseMs = options.pauseMs;
  }

  startOld(): void {
    this.#begin('old', (name, random) => this.#oldTurn(name, random));
  }

  startLongshore(): void {
    this.#begin('new', (name, random) => this.#longshoreTurn(name, random));
  }

  /** @throws what one of the parties met that it should not have */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#workers);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #begin(kind: string, turn: (name: string, random: Random) => Promise<void>): void {
    const random = seededRandom(`${kind} ${this.#seed}`);
    const work = async () => {
      for (let at = 0; !this.#stopping.signal.aborted; at += 1) {
        await turn(`${kind}-${this.#seed}-${at}`, random);
        await sleep(this.#pauseMs * (0.5 + random()));
      }
    };
    const failed = (error: unknown) => {
      this.#failure ??= error;
      this.#stopping.abort();
    };
    this.#workers.push(work().catch(failed));
  }

  async #oldTurn(name: string, random: Random): Promise<void> {
    const [id, userId] = [idOf(name), this.#anyUser(random)];
    const object = objectOf(name, 1000 + random() * 200_000);
    await this.#stage.old.upload({ id, userId }, object);
    this.#ledger.living.set(id, { userId, sha256: sha256(object) });
    this.uploads += 1;
    if (random() < 0.5) await this.#oldDelete(random);
  }

  async #oldDelete(random: Random): Promise<void> {
    const [id, userId] = this.#anyDataset(random);
    this.#take(id);
    await this.#stage.old.delete(userId, id);
    this.#ledger.perhapsDeleted.delete(id);
    this.#ledger.deleted.add(id);
    this.deletions += 1;
  }

  async #longshoreTurn(name: string, random: Random): Promise<void> {
    const userId = this.#anyUser(random);
    const body = `{"messages":[{"role":"user","content":"${name}"},{"role":"assistant","content":"a"}]}\n`.repeat(
      1 + Math.floor(random() * 2000),
    );
    await this.#asking(async () => {
      const headers = { 'idempotency-key': name };
      const path = `${DATASETS}?name=${name}`;
      const response = await this.#stage.servers.fetch(userId, path, { method: 'POST', body, headers });
      const text = await response.text();
      if (response.status >= 500) return;
      if (response.status !== 201) throw new Error(`upload: ${response.status} ${text}`);
      const { dataset } = JSON.parse(text) as { dataset: { id: string } };
      this.#ledger.living.set(dataset.id, { userId, sha256: null });
      this.uploads += 1;
    });
    if (random() < 0.5) await this.#longshoreDelete(random);
  }

  async #longshoreDelete(random: Random): Promise<void> {
    const [id, userId] = this.#anyDataset(random);
    this.#take(id);
    await this.#asking(async () => {
      const response = await this.#stage.servers.fetch(userId, `${DATASETS}/${id}`, { method: 'DELETE' });
      if (response.status >= 500) return;
      if (response.status !== 204) throw new Error(`delete ${id}: ${response.status} ${await response.text()}`);
      this.#ledger.perhapsDeleted.delete(id);
      this.#ledger.deleted.add(id);
      this.deletions += 1;
    });
  }

  /** A connection that ends with its server answers nothing: either outcome is right. Everything else is a finding. */
  async #asking(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }

  #take(id: string): void {
    this.#ledger.living.delete(id);
    this.#ledger.perhapsDeleted.add(id);
  }

  #anyUser(random: Random): string {
    return this.#anyDataset(random)[1];
  }

  #anyDataset(random: Random): [string, string] {
    const ids = [...this.#ledger.living.keys()];
    const id = ids[Math.floor(random() * ids.length)] ?? '';
    return [id, this.#ledger.living.get(id)?.userId ?? ''];
  }
}
