import { sql } from 'drizzle-orm';
import type { Database } from '@/lib/db/database.ts';
import { addressOf, type StoreAddress, type StoreRegistry, sameStore } from '@/lib/placement/store-registry.ts';
import type { StorageService } from '@/lib/storage/storage-service.ts';

/** A place where objects of this installation may lie. */
export interface StorePlace {
  /** The same for as long as the store is configured: names the place in cursors and commands. */
  id: string;
  address: StoreAddress;
  /** Whose own bucket it is; null for a store of the installation. */
  userId: string | null;
  /** Keys of this installation begin with it. */
  prefix: string;
  /** @throws store_unknown */
  open(): Promise<StorageService>;
}

/** Every store that can be reached: those of the installation, then the buckets of its users. */
export class StoreInventory {
  readonly #db: Database;
  readonly #registry: StoreRegistry;
  readonly #own: () => readonly StorageService[];

  constructor(parts: { db: Database; registry: StoreRegistry; own: () => readonly StorageService[] }) {
    this.#db = parts.db;
    this.#registry = parts.registry;
    this.#own = parts.own;
  }

  /** In a lasting order, each bucket of a user once. */
  async places(): Promise<StorePlace[]> {
    const own = unlike(this.#own().map((service) => ownPlace(service)));
    return [...own, ...(await this.#usersPlaces())];
  }

  async find(id: string): Promise<StorePlace | undefined> {
    return (await this.places()).find((place) => place.id === id);
  }

  /** The newest usable version of each bucket that a user has named. */
  async #usersPlaces(): Promise<StorePlace[]> {
    const { rows } = await this.#db.execute<{ id: string; userId: string; aws: Record<string, string | null> }>(sql`
      select distinct on (user_id, public_metadata->'aws'->>'endpoint', public_metadata->'aws'->>'s3_bucket')
        id, user_id as "userId", public_metadata->'aws' as aws
      from longshore.secrets
      where provider = 'aws' and state in ('active', 'superseded')
      order by user_id, public_metadata->'aws'->>'endpoint', public_metadata->'aws'->>'s3_bucket',
               state = 'active' desc, version desc`);
    return rows.map(({ id, userId, aws }) => {
      const place = { provider: 's3' as const, endpoint: aws.endpoint ?? null, region: aws.region ?? null };
      const address = { ...place, bucket: aws.s3_bucket ?? '', secretId: id };
      const open = () => this.#registry.resolve({ ...address, userId });
      return { id: `s3/${userId}/${address.bucket}/${id}`, address, userId, prefix: `${userId}/`, open };
    });
  }
}

function ownPlace(service: StorageService): StorePlace {
  const address = addressOf(service, null);
  const id = `${address.provider}/${address.bucket}`;
  return { id, address, userId: null, prefix: '', open: async () => service };
}

/** The base store may also be listed as a former one. */
function unlike(places: readonly StorePlace[]): StorePlace[] {
  return places.filter((place, at) => places.findIndex((other) => sameStore(other.address, place.address)) === at);
}
