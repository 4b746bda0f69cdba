import { type ZodType, z } from 'zod';
import type { Auth, DescribedHandler, RouteHandler } from '@/lib/http/endpoint.ts';

/** A route as the file router knows it: its Next.js path and its handlers by method. */
export interface ApiRoute {
  /** `/api/keys/[id]` */
  path: string;
  handlers: Readonly<Record<string, RouteHandler>>;
}

type Json = Record<string, unknown>;

const PROBLEM: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'code', 'detail', 'request_id'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'Stable: act on this, never on the message.' },
    detail: { type: 'string' },
    hint: { type: 'string' },
    request_id: { type: 'string' },
    errors: { type: 'array', items: { type: 'object' } },
  },
};

const SECURITY: Readonly<Record<Auth, readonly Json[]>> = {
  none: [],
  user: [{ key: [] }, { session: [] }],
  admin: [{ key: [] }, { session: [] }],
  job: [{ jobToken: [] }],
};

/** The OpenAPI 3.1 description of all endpoints, written from what they check: it cannot be out of date. */
export function describeApi(routes: readonly ApiRoute[], baseUrl: URL): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'Longshore', version: '1', description: 'The dataset storage plane. Errors are RFC 9457 problems.' },
    servers: [{ url: baseUrl.origin }],
    paths: Object.fromEntries(routes.map((route) => [templatePath(route.path), describeRoute(route)])),
    components: {
      schemas: { Problem: PROBLEM },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key (ls_...) or a Supabase access token.' },
        session: { type: 'apiKey', in: 'cookie', name: 'longshore_<installation>' },
        jobToken: { type: 'http', scheme: 'bearer', description: 'The token that a training job was started with.' },
      },
    },
  };
}

function templatePath(path: string): string {
  return path.replace(/\[(?:\.\.\.)?(\w+)\]/g, '{$1}');
}

function describeRoute({ path, handlers }: ApiRoute): Json {
  const described = Object.entries(handlers).flatMap(([method, handler]) =>
    'endpoint' in handler ? [[method.toLowerCase(), describeOperation(path, handler as DescribedHandler)]] : [],
  );
  return Object.fromEntries(described);
}

function describeOperation(path: string, { endpoint }: DescribedHandler): Json {
  const parameters = [
    ...pathParameters(path),
    ...(endpoint.query === undefined ? [] : queryParameters(endpoint.query)),
  ];
  const body = requestBody(endpoint);
  return {
    summary: endpoint.auth === 'admin' ? `${endpoint.summary} (admins)` : endpoint.summary,
    security: SECURITY[endpoint.auth],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: body }),
    responses: {
      [endpoint.answerStatus ?? 200]: { description: 'Done', ...jsonContent(endpoint.answer) },
      default: {
        description: 'Refused or failed',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

function pathParameters(path: string): Json[] {
  const names = [...path.matchAll(/\[(?:\.\.\.)?(\w+)\]/g)].map((match) => match[1]);
  return names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(query: ZodType): Json[] {
  const { properties = {}, required = [] } = schemaOf(query) as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}

function requestBody({ body, accepts }: DescribedHandler['endpoint']): Json | undefined {
  if (body !== undefined) return { required: true, ...jsonContent(body) };
  if (accepts === undefined) return undefined;
  const binary = { schema: { type: 'string', format: 'binary' } };
  return { required: true, content: Object.fromEntries(accepts.map((type) => [type, binary])) };
}

function jsonContent(schema: ZodType | undefined): Json {
  return schema === undefined ? {} : { content: { 'application/json': { schema: schemaOf(schema) } } };
}

/** As a client sends or reads it: before any conversion of ours. */
function schemaOf(schema: ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}
