/** Who is asking, as proven by the request. */
export interface Principal {
  userId: string;
  name: string;
  role: 'admin' | 'member';
  via: 'api_key' | 'session' | 'jwt';
  /** The key that was used, or that the session was made from. */
  apiKeyId?: string;
  /** When what proves this stops counting. */
  expiresAt?: Date;
}

/** What a job token opens: the dataset and the reports of one training job, for a time. */
export interface JobClaim {
  jobId: string;
  userId: string;
  attempt: number;
  expiresAt: Date;
}

/** Proves who sends a request. Both throw `unauthenticated`, `invalid_credentials` or `token_expired`. */
export interface Authenticator {
  user(request: Request): Promise<Principal>;
  job(request: Request): Promise<JobClaim>;
}
