import { LongshoreError } from '@/lib/errors.ts';
import type { ContainerContext } from '@/lib/ingest/containers/container-context.ts';
import type { ScanLog } from '@/lib/ingest/containers/framed-batch.ts';
import { FatalFinding, finding } from '@/lib/ingest/fatal-finding.ts';
import type { ContainerStep } from '@/lib/ingest/types.ts';
import { ByteSource } from '@/lib/streams/byte-source.ts';
import { gunzipMembers } from '@/lib/streams/gunzip.ts';
import { ExpansionGuard } from './expansion-guard.ts';

/** Longest magic number that is looked for. */
const MAGIC_BYTES = 8;
const MAX_DEPTH = 2;

type Unpacker = (source: ByteSource, context: ContainerContext) => AsyncIterable<Uint8Array>;

/** Takes compression off, layer by layer, as long as magic numbers name one. Closing the result closes all layers. */
export async function unpack(source: ByteSource, context: ContainerContext): Promise<ByteSource> {
  const guard = new ExpansionGuard();
  let inner = source;
  try {
    for (let depth = 0; ; depth++) {
      const unpacker = unpackerFor(await inner.peek(MAGIC_BYTES));
      if (unpacker === undefined) return inner;
      if (depth === MAX_DEPTH) throw nestedTooDeep();
      const packed = depth === 0 ? new ByteSource(guard.packed(inner)) : inner;
      inner = new ByteSource(guard.unpacked(closing(unpacker(packed, context), packed)));
    }
  } catch (error) {
    await inner.close();
    throw error;
  }
}

/** A layer that ends, for whatever reason, ends the one that it reads. */
async function* closing(stream: AsyncIterable<Uint8Array>, source: ByteSource): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } finally {
    await source.close();
  }
}

function unpackerFor(head: Uint8Array): Unpacker | undefined {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return gunzip;
  if (a === 0x28 && b === 0xb5 && c === 0x2f && d === 0xfd) return unzstd;
  if (a !== undefined && a >> 4 === 5 && b === 0x2a && c === 0x4d && d === 0x18) return unzstd;
  if (a === 0x50 && b === 0x4b && ((c === 3 && d === 4) || (c === 5 && d === 6))) return unzip;
  return undefined;
}

/** Loaded when such a file comes: their libraries take longer to load than a small file takes to check. */
async function* unzip(source: ByteSource, context: ContainerContext): AsyncGenerator<Uint8Array> {
  yield* (await import('./unzip.ts')).unzip(source, context);
}

async function* unzstd(source: ByteSource, context: ContainerContext): AsyncGenerator<Uint8Array> {
  yield* (await import('./unzstd.ts')).unzstd(source, context);
}

async function* gunzip(source: ByteSource, { log }: { log: ScanLog }): AsyncGenerator<Uint8Array> {
  let members = 0;
  const step: ContainerStep = { type: 'gzip' };
  log.container.push(step);
  const onMember = () => {
    members++;
    step.detail = { members };
  };
  const onPadding = () => log.findings.push(PADDING);
  try {
    yield* gunzipMembers(source, { onMember, onPadding });
  } catch (error) {
    throw asFatal(error);
  }
}

const PADDING = finding('I_GZIP_PADDING', 'info', 'Zero bytes follow the gzip data; they were passed over.');

/** What is wrong with the compressed data is a finding about the file; a lost connection stays what it is. */
function asFatal(error: unknown): unknown {
  if (!(error instanceof LongshoreError) || !error.code.startsWith('gzip_')) return error;
  return new FatalFinding(`E_${error.code.toUpperCase()}`, error.message, { hint: error.hint, cause: error });
}

function nestedTooDeep(): FatalFinding {
  return new FatalFinding('E_NESTING', `The data is compressed more than ${MAX_DEPTH} times over.`, {
    hint: 'Decompress it and upload the data compressed once.',
  });
}
