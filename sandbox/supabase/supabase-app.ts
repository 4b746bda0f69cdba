/** Supabase Storage as one application below /storage/v1. */
import type { AdminRequest, Exchange, Reply, SandboxApp, Target } from '@/sandbox/exchange.ts';
import * as buckets from './bucket-routes.ts';
import { callerOf } from './caller.ts';
import * as lists from './list-routes.ts';
import * as objects from './object-routes.ts';
import * as signed from './signed-url-routes.ts';
import { errorReply, jsonReply, refusals, StorageApiError } from './storage-api-error.ts';
import { SupabaseCall, type SupabaseEnvironment } from './supabase-call.ts';
import { TUS_PATH, type TusEndpoint } from './tus-endpoint.ts';

type Handler = (call: SupabaseCall) => Promise<Reply>;

interface Route {
  operation: string;
  methods: string;
  /** Of the path after /storage/v1; its first group is the handler's `rest`. */
  pattern: RegExp;
  handler: Handler;
}

const BUCKET = /^\/bucket\/([^/]+)\/?$/;

/** The first that matches wins. */
const ROUTES: Route[] = [
  { operation: 'bucket.create', methods: 'POST', pattern: /^\/bucket\/?()$/, handler: buckets.createBucket },
  { operation: 'bucket.list', methods: 'GET', pattern: /^\/bucket\/?()$/, handler: buckets.listBuckets },
  { operation: 'bucket.get', methods: 'GET', pattern: BUCKET, handler: buckets.getBucket },
  { operation: 'bucket.update', methods: 'PUT', pattern: BUCKET, handler: buckets.updateBucket },
  { operation: 'bucket.delete', methods: 'DELETE', pattern: BUCKET, handler: buckets.deleteBucket },
  { operation: 'bucket.empty', methods: 'POST', pattern: /^\/bucket\/([^/]+)\/empty$/, handler: buckets.emptyBucket },
  { operation: 'object.list', methods: 'POST', pattern: /^\/object\/list\/([^/]+)$/, handler: lists.listObjects },
  {
    operation: 'object.list_v2',
    methods: 'POST',
    pattern: /^\/object\/list-v2\/([^/]+)$/,
    handler: lists.listObjectsV2,
  },
  { operation: 'object.copy', methods: 'POST', pattern: /^\/object\/copy()$/, handler: objects.copyObject },
  { operation: 'object.move', methods: 'POST', pattern: /^\/object\/move()$/, handler: objects.moveObject },
  { operation: 'object.sign_many', methods: 'POST', pattern: /^\/object\/sign\/([^/]+)$/, handler: signed.signObjects },
  { operation: 'object.sign', methods: 'POST', pattern: /^\/object\/sign\/(.+)$/, handler: signed.signObject },
  {
    operation: 'object.signed',
    methods: 'GET HEAD',
    pattern: /^\/object\/sign\/(.+)$/,
    handler: signed.downloadSigned,
  },
  {
    operation: 'object.info',
    methods: 'GET',
    pattern: /^\/object\/info\/(?:authenticated\/)?(.+)$/,
    handler: objects.objectInfo,
  },
  {
    operation: 'object.public',
    methods: 'GET HEAD',
    pattern: /^\/object\/public\/(.+)$/,
    handler: objects.downloadPublic,
  },
  {
    operation: 'object.get',
    methods: 'GET HEAD',
    pattern: /^\/object\/authenticated\/(.+)$/,
    handler: objects.downloadAuthenticated,
  },
  { operation: 'object.get', methods: 'GET HEAD', pattern: /^\/object\/([^/]+\/.+)$/, handler: objects.downloadObject },
  { operation: 'object.upload', methods: 'POST', pattern: /^\/object\/([^/]+\/.+)$/, handler: objects.uploadObject },
  { operation: 'object.update', methods: 'PUT', pattern: /^\/object\/([^/]+\/.+)$/, handler: objects.updateObject },
  { operation: 'object.remove', methods: 'DELETE', pattern: /^\/object\/([^/]+)$/, handler: objects.removeObjects },
  { operation: 'object.remove', methods: 'DELETE', pattern: /^\/object\/([^/]+\/.+)$/, handler: objects.removeObject },
  { operation: 'status', methods: 'GET', pattern: /^\/status()$/, handler: async () => ({ status: 200 }) },
];

const PREFIX = '/storage/v1';

export class SupabaseApp implements SandboxApp {
  readonly #environment: SupabaseEnvironment;
  readonly #tus: TusEndpoint;
  readonly #admin: (request: AdminRequest) => Promise<unknown>;

  constructor(
    environment: SupabaseEnvironment,
    parts: { tus: TusEndpoint; admin: (request: AdminRequest) => Promise<unknown> },
  ) {
    this.#environment = environment;
    this.#tus = parts.tus;
    this.#admin = parts.admin;
  }

  /** `tus.post`, `tus.head`, `tus.patch`, `tus.delete`, or the route's own name. */
  operationOf({ method, path }: Target): string {
    if (isTus(path)) return `tus.${method.toLowerCase()}`;
    return routeOf(method, path)?.route.operation ?? 'unknown';
  }

  async handle(exchange: Exchange): Promise<Reply> {
    try {
      if (isTus(exchange.path)) return await this.#tus.handle(exchange);
      return await this.#route(exchange);
    } catch (error) {
      if (!(error instanceof StorageApiError)) throw error;
      const reply = errorReply(error);
      return exchange.method === 'HEAD' ? { status: reply.status } : reply;
    }
  }

  /** Plain text with its true status on TUS paths, the JSON of the REST part elsewhere. */
  refuse(exchange: Exchange, fault: { status: number; code?: string; message?: string }): Reply {
    const message = fault.message ?? fault.code ?? 'Something went wrong with that request';
    if (isTus(exchange.path)) return { status: fault.status, headers: { 'content-type': 'text/plain' }, body: message };
    const error = new StorageApiError(message, { statusCode: fault.status, code: fault.code ?? 'InternalError' });
    return errorReply(error, fault.status);
  }

  async admin(request: AdminRequest): Promise<unknown> {
    return await this.#admin(request);
  }

  async #route(exchange: Exchange): Promise<Reply> {
    const { method, path } = exchange;
    const found = routeOf(method, path);
    if (found === undefined) {
      return jsonReply({ message: `Route ${method}:${path} not found`, error: 'Not Found', statusCode: 404 }, 404);
    }
    const { jwtSecret, now } = this.#environment;
    const caller = () => callerOf(exchange, jwtSecret, now());
    return await found.route.handler(new SupabaseCall(exchange, this.#environment, { rest: found.rest, caller }));
  }
}

function isTus(path: string): boolean {
  return path === TUS_PATH || path.startsWith(`${TUS_PATH}/`);
}

function routeOf(method: string, path: string): { route: Route; rest: string } | undefined {
  if (!path.startsWith(`${PREFIX}/`)) return undefined;
  const below = path.slice(PREFIX.length);
  const route = ROUTES.find((each) => each.methods.split(' ').includes(method) && each.pattern.test(below));
  if (route === undefined) return undefined;
  return { route, rest: decodePath(route.pattern.exec(below)?.[1] ?? '') };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw refusals.invalidKey(path);
  }
}
