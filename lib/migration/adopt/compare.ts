import type { LegacyRow } from '@/lib/migration/adopt/legacy-rows.ts';

export interface ListedObject {
  key: string;
  sizeBytes: number;
  lastModified: Date | undefined;
}

/** A row with the object it names, or an object that no row names. */
export type Compared =
  | { kind: 'row'; row: LegacyRow; object: ListedObject | undefined; duplicate: boolean }
  | { kind: 'object'; object: ListedObject };

/** Walks rows and objects side by side. Both MUST come in byte order of path and key; one of each is held at a time. */
export async function* compare(
  rows: AsyncIterable<LegacyRow>,
  objects: AsyncIterable<ListedObject>,
): AsyncGenerator<Compared> {
  const listing = objects[Symbol.asyncIterator]();
  let object = await nextOf(listing);
  let named = false;
  for await (const { row, duplicate } of withNeighbours(rows)) {
    while (object !== undefined && object.key < row.storagePath) {
      if (!named) yield { kind: 'object', object };
      object = await nextOf(listing);
      named = false;
    }
    const found = object?.key === row.storagePath ? object : undefined;
    named ||= found !== undefined;
    yield { kind: 'row', row, object: found, duplicate };
  }
  for (; object !== undefined; object = await nextOf(listing), named = false) {
    if (!named) yield { kind: 'object', object };
  }
}

/** Rows with the same path stand next to each other. */
async function* withNeighbours(rows: AsyncIterable<LegacyRow>): AsyncGenerator<{ row: LegacyRow; duplicate: boolean }> {
  let held: LegacyRow | undefined;
  let before: string | undefined;
  for await (const row of rows) {
    if (held !== undefined)
      yield { row: held, duplicate: held.storagePath === before || held.storagePath === row.storagePath };
    before = held?.storagePath;
    held = row;
  }
  if (held !== undefined) yield { row: held, duplicate: held.storagePath === before };
}

async function nextOf(iterator: AsyncIterator<ListedObject>): Promise<ListedObject | undefined> {
  const step = await iterator.next();
  return step.done === true ? undefined : step.value;
}
