/**
 * PGlite, made durable. Limits and traps of PGlite 0.5 that this file answers:
 *
 * - It is one session. Whoever calls takes care that transactions do not interleave.
 * - It never calls fsync: its file system has none. Here `fsync` of PostgreSQL reaches the disk, so a commit that was
 *   answered survives a power cut like on any PostgreSQL server.
 * - After a PANIC (disk full, I/O error) it would run on in an undefined state: here `onPanic` MUST end the process.
 * - Nothing checkpoints or vacuums by itself: see maintenance.ts.
 * - `statement_timeout` has no effect, and a statement blocks the thread.
 */
import { fsyncSync } from 'node:fs';
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { NodeFS } from '@electric-sql/pglite/nodefs';

export interface EngineOptions {
  /** Folder of the cluster. It must exist already: initialising takes 0.8 GB. */
  folder: string;
  /** Called at once, inside the failing statement. MUST not return. */
  onPanic: (what: string) => never;
  /** One line of the server log, as PostgreSQL prints it. */
  onLog: (line: string) => void;
}

/**
 * Memory: measured with these settings, see docs/adr/embedded-database.md.
 * `wal_sync_method`: only fsync reaches our hook, fdatasync is an empty call there.
 */
const SETTINGS = {
  fsync: 'on',
  wal_sync_method: 'fsync',
  shared_buffers: '16MB',
  wal_buffers: '512kB',
  max_connections: '5',
  work_mem: '4MB',
  maintenance_work_mem: '16MB',
  max_wal_size: '64MB',
  min_wal_size: '16MB',
  jit: 'off',
};

/** PostgreSQL's main loop leaves by "exit status" for errors (100) and after starting (99): these are no ends. */
const ALIVE = new Set([99, 100]);

export class Engine {
  readonly #pglite: PGlite;

  private constructor(pglite: PGlite) {
    this.#pglite = pglite;
  }

  /** Starts the engine; recovers first when it was not shut down. */
  static async start(options: EngineOptions): Promise<Engine> {
    const pglite = await PGlite.create({
      fs: new DurableFiles(options),
      startParams: startParameters(),
      extensions: { pg_trgm },
      onStderr: (line) => {
        options.onLog(line);
        return false;
      },
    });
    return new Engine(pglite);
  }

  /** Runs whole protocol messages and returns the whole answer. Blocks the thread until it is there. */
  async run(batch: Uint8Array): Promise<Buffer[]> {
    const answer: Buffer[] = [];
    await this.#pglite.execProtocolRawStream(batch, {
      syncToFs: false,
      // The bytes lie in the engine's memory and are overwritten by the next ones.
      onRawData: (bytes) => answer.push(Buffer.from(bytes)),
    });
    return answer;
  }

  /** One statement of our own, outside any client's transaction. Throws what PostgreSQL answers. */
  async query<Row>(statement: string): Promise<Row[]> {
    const { rows } = await this.#pglite.query<Row>(statement);
    return rows;
  }

  /** Several statements at once, each its own transaction. */
  async execute(statements: string): Promise<void> {
    await this.#pglite.exec(statements);
  }

  get inTransaction(): boolean {
    return this.#pglite.isInTransaction();
  }

  /** Writes everything out and stops. */
  async close(): Promise<void> {
    await this.#pglite.close();
  }
}

function startParameters(): string[] {
  const withFsync = PGlite.defaultStartParams.filter((parameter) => parameter !== '-F');
  return [...withFsync, ...Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** What Emscripten's file system on Node offers, as far as it is used here. */
interface NodeFileSystem {
  stream_ops: { fsync?: (stream: { nfd: number }) => number };
  tryFSOperation<T>(operation: () => T): T;
}

type Initialised = Awaited<ReturnType<NodeFS['init']>>;
type EmscriptenOptions = Parameters<NodeFS['init']>[1];

class DurableFiles extends NodeFS {
  readonly #options: EngineOptions;

  constructor(options: EngineOptions) {
    super(options.folder);
    this.#options = options;
  }

  override async init(pglite: PGlite, options: EmscriptenOptions): Promise<Initialised> {
    const { onPanic } = this.#options;
    const { emscriptenOpts } = await super.init(pglite, options);
    const added = {
      onAbort: (what: unknown) => onPanic(`PostgreSQL aborted ${String(what)}`),
      quit: (status: number, toThrow: unknown) => {
        if (!ALIVE.has(status) && status !== 0) onPanic(`PostgreSQL left with status ${status}`);
        throw toThrow;
      },
      preRun: [...(emscriptenOpts.preRun ?? []), reachTheDisk],
    };
    return { emscriptenOpts: { ...emscriptenOpts, ...added } };
  }
}

function reachTheDisk(module: { NODEFS: unknown }): void {
  const files = module.NODEFS as NodeFileSystem;
  files.stream_ops.fsync = (stream) =>
    files.tryFSOperation(() => {
      fsyncSync(stream.nfd);
      return 0;
    });
}
