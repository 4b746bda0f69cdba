import type { Readable } from 'node:stream';
import { DataStore, Upload as TusUpload } from '@tus/server';
import type { UploadProgress, UploadService } from '@/lib/datasets/uploads/upload-service.ts';
import { uploadWords } from '@/lib/http/tus/upload-words.ts';

/** The uploads of one user, as @tus/server wants to see a store. Made for one request. */
export class TusStore extends DataStore {
  readonly #service: UploadService;
  readonly #userId: string;

  constructor(service: UploadService, userId: string) {
    super();
    this.#service = service;
    this.#userId = userId;
    this.extensions = ['creation', 'creation-with-upload', 'creation-defer-length', 'termination', 'expiration'];
  }

  override async create(file: TusUpload): Promise<TusUpload> {
    const { id, metadata = {}, size } = file;
    const words = uploadWords(metadata);
    await this.#service.create({ ...words, id, userId: this.#userId, sizeBytes: size ?? null, metadata });
    return file;
  }

  override async getUpload(id: string): Promise<TusUpload> {
    return tusUpload(await this.#service.progress(this.#userId, id));
  }

  override async write(source: Readable, id: string, offset: number): Promise<number> {
    return this.#service.append(this.#userId, id, offset, source);
  }

  override async remove(id: string): Promise<void> {
    await this.#service.remove(this.#userId, id);
  }

  override async declareUploadLength(id: string, sizeBytes: number): Promise<void> {
    await this.#service.setSize(this.#userId, id, sizeBytes);
  }

  /** The protocol counts from creation; we count from the last byte, so this is the least that an upload has. */
  override getExpiration(): number {
    return this.#service.expiryMs;
  }
}

function tusUpload({ upload, offset }: UploadProgress): TusUpload {
  const metadata = (upload.metadata ?? {}) as Record<string, string | null>;
  return new TusUpload({
    id: upload.id,
    size: upload.sizeBytes ?? undefined,
    offset,
    metadata,
    creation_date: upload.updatedAt.toISOString(),
  });
}
