import { Hono } from 'hono';
import type { Application } from '@/lib/composition.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { requestIdOf } from '@/lib/http/endpoint.ts';
import { problemResponse } from '@/lib/http/problem.ts';
import { workContext } from '@/lib/observability/request-context.ts';
import { mountRoutes, type Route } from './file-router.ts';
import { addSecurityHeaders } from './security-headers.ts';

export interface HttpAppParts {
  application: Application;
  routes: readonly Route[];
  /** Answers what no route does: the page. Undefined means not found. */
  page: (request: Request) => Promise<Response | undefined>;
}

/** Routes first, then the page, then a problem document. Every answer carries the security headers and a request id. */
export function createHttpApp({ application, routes, page }: HttpAppParts): Hono {
  const app = new Hono();
  const https = application.config.publicUrl?.protocol === 'https:';
  const finish = (request: Request, response: Response): Response => {
    addSecurityHeaders(response, { https });
    if (!response.headers.has('X-Request-Id')) response.headers.set('X-Request-Id', idOf(request));
    return response;
  };
  app.use(async (c, next) => {
    await next();
    finish(c.req.raw, c.res);
  });
  mountRoutes(app, routes);
  app.notFound(async (c) => (await page(c.req.raw)) ?? problemResponse(unknownRoute(c.req.path), idOf(c.req.raw)));
  app.onError((error, c) => finish(c.req.raw, problemResponse(error, idOf(c.req.raw))));
  return app;
}

function idOf(request: Request): string {
  return workContext()?.requestId ?? requestIdOf(request);
}

function unknownRoute(path: string): LongshoreError {
  return new LongshoreError('route_not_found', `Nothing answers at ${path}.`, { hint: 'See /openapi.json.' });
}
