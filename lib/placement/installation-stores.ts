import { LongshoreError } from '@/lib/errors.ts';
import type { Phase } from '@/lib/placement/phase.ts';
import {
  addressOf,
  type StoreAddress,
  type StoreRegistry,
  type StoreTarget,
  sameStore,
  storesOfPhase,
} from '@/lib/placement/store-registry.ts';
import type { Secret } from '@/lib/secrets/secrets.types.ts';
import type { SecretsManager } from '@/lib/secrets/secrets-manager.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

export interface InstallationStoresParts {
  /** Supabase Storage, or the filesystem. */
  base: StorageService;
  /** Further stores of the installation that may still hold copies: the filesystem, once Supabase is the base. */
  former?: readonly StorageService[];
  /** The installation's own bucket, for users who have none. */
  platform: StorageService | undefined;
  secrets: Pick<SecretsManager, 'getSecret' | 'getSecretVersion'>;
  /** The service of the bucket that a secret names. Makes no request. */
  openBucket(secret: Secret<'aws'>): StorageService;
}

/** base: where every dataset has a copy. platform: the bucket for users without one. former: a base of earlier times. */
export interface OwnStore {
  role: 'base' | 'platform' | 'former';
  service: StorageService;
}

/** Services keep connections and a circuit breaker each: as many as are in use at a time, not as many as there are users. */
const MAX_BUCKETS = 256;

/**
 * The stores of the installation and of its users. A user's own bucket goes before the platform's. A copy is reached by
 * the secret version that its row names, so that new credentials never strand old copies.
 */
export class InstallationStores implements StoreRegistry {
  readonly #parts: InstallationStoresParts;
  readonly #buckets = new Map<string, StorageService>();

  constructor(parts: InstallationStoresParts) {
    this.#parts = parts;
  }

  async wanted(userId: string, phase: Phase): Promise<StoreTarget[]> {
    const base = addressOf(this.#parts.base, null);
    return storesOfPhase(phase, { base, bucket: await this.#bucketOf(userId) });
  }

  async resolve(address: StoreAddress & { userId: string }): Promise<StorageService> {
    const service = address.secretId === null ? this.#own(address) : await this.#usersBucket(address);
    if (service === undefined || !sameStore(address, addressOf(service, null))) throw unknown(address);
    return service;
  }

  /** The stores of the installation itself, by their part in it. */
  own(): OwnStore[] {
    const { base, former = [], platform } = this.#parts;
    const isBase = (store: StorageService) => sameStore(addressOf(store, null), addressOf(base, null));
    return [
      { role: 'base', service: base },
      ...(platform === undefined ? [] : [{ role: 'platform' as const, service: platform }]),
      ...former.filter((store) => !isBase(store)).map((service) => ({ role: 'former' as const, service })),
    ];
  }

  /** Buckets of users that this process has spoken to lately. */
  opened(): StorageService[] {
    return [...this.#buckets.values()];
  }

  /** The user's own bucket or the platform's, with what reaches it. Undefined where there is neither. */
  async bucketOf(userId: string): Promise<StorageService | undefined> {
    const target = await this.#bucketOf(userId);
    return target === undefined ? undefined : this.resolve({ ...target, userId });
  }

  async #bucketOf(userId: string): Promise<StoreTarget | undefined> {
    const secret = await this.#parts.secrets.getSecret(userId, 'aws');
    if (secret !== undefined) return addressOf(this.#open(secret), secret.id);
    return this.#parts.platform === undefined ? undefined : addressOf(this.#parts.platform, null);
  }

  #own(address: StoreAddress): StorageService | undefined {
    const { base, former = [], platform } = this.#parts;
    return [base, platform, ...former].find(
      (store) => store !== undefined && sameStore(address, addressOf(store, null)),
    );
  }

  async #usersBucket({ userId, secretId }: StoreAddress & { userId: string }): Promise<StorageService | undefined> {
    const secret = await this.#parts.secrets.getSecretVersion(userId, secretId ?? '');
    return secret !== undefined && isAws(secret) ? this.#open(secret) : undefined;
  }

  #open(secret: Secret<'aws'>): StorageService {
    const known = this.#buckets.get(secret.id);
    // Moved to the end: the first entry is the one that was not used for longest.
    this.#buckets.delete(secret.id);
    const service = known ?? this.#parts.openBucket(secret);
    this.#buckets.set(secret.id, service);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_BUCKETS && oldest !== undefined) this.#buckets.delete(oldest);
    return service;
  }
}

function isAws(secret: Secret): secret is Secret<'aws'> {
  return secret.provider === 'aws';
}

function unknown({ provider, bucket }: StoreAddress): LongshoreError {
  return new LongshoreError('store_unknown', `The ${provider} store ${bucket} cannot be reached any more.`, {
    hint: 'Configure it again with credentials that reach it, or delete the datasets that have copies there.',
  });
}
