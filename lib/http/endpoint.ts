import { randomBytes } from 'node:crypto';
import type { ZodType, z } from 'zod';
import type { Application } from '@/lib/composition.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { readJson } from '@/lib/http/body.ts';
import { logFailure } from '@/lib/http/log-failure.ts';
import { requireOwnOrigin } from '@/lib/http/origin.ts';
import type { JobClaim, Principal } from '@/lib/http/principal.ts';
import { problemResponse } from '@/lib/http/problem.ts';
import { currentApplication } from '@/lib/http/request-scope.ts';
import { withWorkContext, workContext } from '@/lib/observability/request-context.ts';

/** none: anybody. user: a signed-in user. admin: an admin. job: the token of the training job named by `[id]`. */
export type Auth = 'none' | 'user' | 'admin' | 'job';

/** The handler signature of Next.js route files; a catch-all parameter is an array of segments. */
export type RouteHandler = (request: Request, context: RouteContext) => Promise<Response>;
export interface RouteContext {
  params: Promise<Record<string, string | string[]>>;
}

export interface EndpointOptions<A extends Auth, Q extends ZodType, B extends ZodType> {
  auth: A;
  /** One sentence, for /openapi.json. */
  summary: string;
  /** Checks and converts the query string. Unknown parameters are ignored. */
  query?: Q;
  /** Checks a JSON body. Leave it out for requests without a body and for streamed ones. */
  body?: B;
  maxBodyBytes?: number;
  /** For /openapi.json: what a success looks like, and the media types of a streamed request body. */
  answer?: ZodType;
  answerStatus?: number;
  accepts?: readonly string[];
}

/** What a handler gets. `params` holds decoded path segments; a catch-all is joined by `/`. */
export interface Call<Q = unknown, B = unknown> {
  request: Request;
  url: URL;
  params: Readonly<Record<string, string>>;
  query: Q;
  body: B;
  app: Application;
  requestId: string;
  /** Aborts when the client goes away. */
  signal: AbortSignal;
}

interface IdentityOf {
  none: unknown;
  user: { user: Principal };
  admin: { user: Principal };
  job: { job: JobClaim };
}

export type Handler<A extends Auth, Q, B> = (call: Call<Q, B> & IdentityOf[A]) => Promise<Response> | Response;

/** A route handler that still knows what it was made from: /openapi.json is written from these. */
export type DescribedHandler = RouteHandler & { readonly endpoint: EndpointOptions<Auth, ZodType, ZodType> };

/**
 * Makes a route handler: request id, sign-in, own origin for changes signed in by cookie, parsed query and body, and
 * every error as a problem document.
 */
export function endpoint<A extends Auth, Q extends ZodType = ZodType<unknown>, B extends ZodType = ZodType<unknown>>(
  options: EndpointOptions<A, Q, B>,
  handler: Handler<A, z.infer<Q>, z.infer<B>>,
): DescribedHandler {
  const handle = (request: Request, context: RouteContext): Promise<Response> => {
    const work = workContext() ?? { requestId: requestIdOf(request) };
    const arrival = { request, context, requestId: work.requestId };
    return withWorkContext(work, () => answer(options, handler, arrival));
  };
  return Object.assign(handle, { endpoint: options as EndpointOptions<Auth, ZodType, ZodType> });
}

interface Arrival {
  request: Request;
  context: RouteContext;
  requestId: string;
}

async function answer<A extends Auth, Q extends ZodType, B extends ZodType>(
  options: EndpointOptions<A, Q, B>,
  handler: Handler<A, z.infer<Q>, z.infer<B>>,
  arrival: Arrival,
): Promise<Response> {
  const { request, requestId } = arrival;
  try {
    const app = await currentApplication();
    const identity = await identify(options.auth, request, app, arrival.context);
    const call = Object.assign(new ArrivedCall(arrival, app), await parse(options, arrival), identity);
    // The identity matches options.auth, which TypeScript cannot follow through the table.
    const response = await handler(call as Call<z.infer<Q>, z.infer<B>> & IdentityOf[A]);
    response.headers.set('X-Request-Id', requestId);
    return response;
  } catch (error) {
    await tellOf(error);
    return problemResponse(error, requestId);
  }
}

/** What few handlers ask for is made when they do: an abort signal alone costs a fifth of a short request. */
class ArrivedCall {
  readonly request: Request;
  readonly requestId: string;
  readonly app: Application;

  constructor({ request, requestId }: Arrival, app: Application) {
    this.request = request;
    this.requestId = requestId;
    this.app = app;
  }

  get url(): URL {
    return new URL(this.request.url);
  }

  get signal(): AbortSignal {
    return this.request.signal;
  }
}

async function parse<Q extends ZodType, B extends ZodType>(
  options: EndpointOptions<Auth, Q, B>,
  { request, context }: Arrival,
): Promise<{ params: Record<string, string>; query: z.infer<Q>; body: z.infer<B> }> {
  const query = options.query?.parse(Object.fromEntries(new URL(request.url).searchParams)) as z.infer<Q>;
  const body = options.body?.parse(await readJson(request, options.maxBodyBytes)) as z.infer<B>;
  return { params: joinParams(await context.params), query, body };
}

async function identify(
  auth: Auth,
  request: Request,
  app: Application,
  context: RouteContext,
): Promise<{ user?: Principal; job?: JobClaim }> {
  if (auth === 'none') return {};
  if (auth === 'job') return { job: await identifyJob(request, app, context) };
  const user = await app.authenticator.user(request);
  if (user.via === 'session') requireOwnOrigin(request, app.config.publicUrl?.origin);
  const work = workContext();
  if (work !== undefined) work.userId = user.userId;
  if (auth === 'admin' && user.role !== 'admin') {
    throw new LongshoreError('admin_required', 'Only an admin may do this.', { hint: 'Ask an admin of Longshore.' });
  }
  return { user };
}

async function identifyJob(request: Request, app: Application, context: RouteContext): Promise<JobClaim> {
  const job = await app.authenticator.job(request);
  const { id } = await context.params;
  if (job.jobId !== id) throw new LongshoreError('forbidden', 'This token belongs to another job.');
  return job;
}

function joinParams(params: Record<string, string | string[]>): Record<string, string> {
  const joined = Object.entries(params).map(([name, value]) => [name, Array.isArray(value) ? value.join('/') : value]);
  return Object.fromEntries(joined);
}

/** Takes over a client's or proxy's own id where it is harmless in logs and headers. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get('x-request-id');
  return given !== null && /^[A-Za-z0-9._-]{8,64}$/.test(given) ? given : nextRequestId();
}

const PROCESS_TAG = randomBytes(6).toString('base64url');
let requests = 0;

/** Unlike every other, of other processes too; no secret, so that drawing random bytes each time would be waste. */
function nextRequestId(): string {
  requests += 1;
  return `${PROCESS_TAG}-${requests.toString(36).padStart(4, '0')}`;
}

/** Where there is no application there is no log: that it could not be composed is told by whoever started it. */
async function tellOf(error: unknown): Promise<void> {
  const app = await currentApplication().catch(() => undefined);
  if (app !== undefined) logFailure(app.log, error);
}
