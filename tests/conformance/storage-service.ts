import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { type ContractBench, listAll, type StorageHarness } from './storage-bench.ts';
import { describeLimits } from './storage-limits.ts';
import { describeReading } from './storage-reading.ts';
import { describeWhole } from './storage-whole.ts';
import { describeWriting } from './storage-writing.ts';

export { expectCode, listAll, readText, type StorageHarness } from './storage-bench.ts';

/** The storage contract, in code. Every backend and every stack of layers passes it. */
export function describeStorageService(name: string, makeHarness: () => Promise<StorageHarness>): void {
  describe(`storage contract: ${name}`, () => {
    const bench = new Bench();

    beforeAll(async () => {
      bench.harness = await makeHarness();
    });

    afterAll(async () => {
      const { service, prefix } = bench;
      for (const { key } of await listAll(service, `${prefix}/`)) await service.delete(key, { allVersions: true });
      await bench.harness.close();
    });

    describeWriting(bench);
    describeReading(bench);
    describeWhole(bench);
    describeLimits(bench);
  });
}

class Bench implements ContractBench {
  readonly prefix = `conformance-${randomUUID()}`;
  #harness: StorageHarness | undefined;

  get harness(): StorageHarness {
    if (this.#harness === undefined) throw new Error('the harness is made before the first test, not before');
    return this.#harness;
  }

  set harness(made: StorageHarness) {
    this.#harness = made;
  }

  get service() {
    return this.harness.service;
  }

  newKey(): string {
    return `${this.prefix}/${randomUUID()}.bin`;
  }
}
