import type { Secret } from '@/lib/secrets/secrets.types.ts';

export interface SecretCacheOptions {
  nowMs: () => number;
  /** Also how long another process may go on with a secret that was replaced or deleted. Default 10,000. */
  ttlMs?: number;
  /** Default 500. */
  maxEntries?: number;
}

interface Entry {
  userId: string;
  /** Undefined: the user has no such secret, which is worth remembering too. */
  secret: Secret | undefined;
  expiresMs: number;
}

/** Decrypted secrets, few and for seconds only. What was read before a change is never kept after it. */
export class SecretCache {
  private readonly nowMs: () => number;
  private readonly ttlMs: number;
  private readonly maxEntries: number;
  private readonly entries = new Map<string, Entry>();
  private changes = 0;

  constructor({ nowMs, ttlMs = 10_000, maxEntries = 500 }: SecretCacheOptions) {
    this.nowMs = nowMs;
    this.ttlMs = ttlMs;
    this.maxEntries = maxEntries;
  }

  get size(): number {
    return this.entries.size;
  }

  async get(userId: string, key: string, load: () => Promise<Secret | undefined>): Promise<Secret | undefined> {
    const place = JSON.stringify([userId, key]);
    const kept = this.entries.get(place);
    if (kept !== undefined && kept.expiresMs > this.nowMs()) return kept.secret;
    this.entries.delete(place);
    const before = this.changes;
    const secret = await load();
    if (this.changes === before) this.keep(place, { userId, secret, expiresMs: this.nowMs() + this.ttlMs });
    return secret;
  }

  /** Call after every change of a user's secrets. */
  forget(userId: string): void {
    this.changes += 1;
    for (const [place, entry] of this.entries) if (entry.userId === userId) this.entries.delete(place);
  }

  private keep(place: string, entry: Entry): void {
    this.entries.set(place, entry);
    const oldest = this.entries.size > this.maxEntries ? this.entries.keys().next().value : undefined;
    if (oldest !== undefined) this.entries.delete(oldest);
  }
}
