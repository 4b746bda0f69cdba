import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a job token says, signed by the installation: it opens one training job's data and reports, for a time. */
export interface JobTokenClaim {
  jobId: string;
  userId: string;
  /** The attempt at the job: a later one makes this token worthless. */
  attempt: number;
  expiresAt: Date;
}

/**
 * Tokens for training workers. They are not stored: the training job's own row decides whether a job may still act, the
 * token only proves which job speaks.
 */
export class JobTokens {
  readonly #key: Buffer;
  readonly #now: () => number;

  /** @param key 32 bytes, derived from the master key for this purpose alone */
  constructor(key: Buffer, now: () => number = Date.now) {
    this.#key = key;
    this.#now = now;
  }

  issue(claim: JobTokenClaim): string {
    const payload = JSON.stringify([
      claim.jobId,
      claim.userId,
      Math.floor(claim.expiresAt.getTime() / 1000),
      claim.attempt,
    ]);
    const body = Buffer.from(payload).toString('base64url');
    return `lsj_${body}.${this.#sign(body)}`;
  }

  /** `expired` is told apart, so that a worker knows that a new token helps. */
  verify(token: string): JobTokenClaim | 'invalid' | 'expired' {
    const [, body, signature] = /^lsj_([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/.exec(token) ?? [];
    if (body === undefined || signature === undefined || !this.#matches(body, signature)) return 'invalid';
    const claimed = JSON.parse(Buffer.from(body, 'base64url').toString()) as [string, string, number, number];
    const [jobId, userId, seconds, attempt] = claimed;
    const expiresAt = new Date(seconds * 1000);
    return expiresAt.getTime() <= this.#now() ? 'expired' : { jobId, userId, attempt, expiresAt };
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url');
  }

  #matches(body: string, signature: string): boolean {
    return timingSafeEqual(Buffer.from(this.#sign(body)), Buffer.from(signature));
  }
}
