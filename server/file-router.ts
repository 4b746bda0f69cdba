import type { Hono } from 'hono';
import { LongshoreError } from '@/lib/errors.ts';
import type { RouteContext, RouteHandler } from '@/lib/http/endpoint.ts';
import { compareExactness, honoPath, patternOf, type RoutePattern } from './route-pattern.ts';

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;
export type Method = (typeof METHODS)[number];

/** What a route file exports. Other exports (Next.js's `dynamic`, `runtime`) mean nothing here. */
export type RouteModule = Partial<Record<Method, RouteHandler>>;

export interface Route {
  pattern: RoutePattern;
  module: RouteModule;
}

/** Routes of modules by their file path below `app`, most exact first. */
export function routesOf(modules: Readonly<Record<string, RouteModule>>): Route[] {
  return Object.entries(modules)
    .map(([file, module]) => ({ pattern: patternOf(file), module }))
    .sort((a, b) => compareExactness(a.pattern, b.pattern));
}

/** Mounts route files as Next.js would: HEAD from GET, OPTIONS and 405 from what the file exports. */
export function mountRoutes(app: Hono, routes: readonly Route[]): void {
  for (const { pattern, module } of routes) {
    app.all(honoPath(pattern), (c) => {
      const handler = handlerFor(module, c.req.method);
      return handler(c.req.raw, contextOf(pattern, c.req.param()));
    });
  }
}

function handlerFor(module: RouteModule, method: string): RouteHandler {
  const known = METHODS.find((name) => name === method);
  const own = known === undefined ? undefined : module[known];
  if (own !== undefined) return own;
  if (method === 'HEAD' && module.GET !== undefined) return withoutBody(module.GET);
  const allow = allowedMethods(module);
  if (method === 'OPTIONS')
    return async () => new Response(null, { status: 204, headers: { Allow: allow.join(', ') } });
  throw new LongshoreError('method_not_allowed', `This address does not answer ${method}.`, {
    hint: `It answers ${allow.join(', ')}.`,
    details: { allow },
  });
}

function allowedMethods(module: RouteModule): string[] {
  const extra = { HEAD: module.GET !== undefined, OPTIONS: true };
  return METHODS.filter((name) => module[name] !== undefined || (name in extra && extra[name as keyof typeof extra]));
}

function withoutBody(get: RouteHandler): RouteHandler {
  return async (request, context) => {
    const response = await get(request, context);
    await response.body?.cancel();
    return new Response(null, response);
  };
}

function contextOf(pattern: RoutePattern, values: Record<string, string>): RouteContext {
  const named = pattern.segments.flatMap((segment) => {
    if (segment.kind === 'static') return [];
    const value = values[segment.name] ?? '';
    return [[segment.name, segment.kind === 'rest' ? value.split('/') : value] as const];
  });
  return { params: Promise.resolve(Object.fromEntries(named)) };
}
