import { endpoint, type RouteHandler } from '@/lib/http/endpoint.ts';
import { describeApi } from '@/lib/http/openapi.ts';
import { json } from '@/lib/http/responses.ts';
import { METHODS, type Route } from './file-router.ts';
import { patternOf } from './route-pattern.ts';

/** /openapi.json is about the routes, so it is made by who mounts them. */
export function openApiRoute(routes: readonly Route[]): Route {
  const GET = endpoint({ auth: 'user', summary: 'This description' }, ({ app }) => {
    const described = routes.map(({ pattern, module }) => ({ path: pattern.path, handlers: handlersOf(module) }));
    return json(describeApi(described, app.baseUrl));
  });
  return { pattern: patternOf('openapi.json/route.ts'), module: { GET } };
}

function handlersOf(module: Route['module']): Record<string, RouteHandler> {
  const handlers = METHODS.flatMap((method) => {
    const handler = module[method];
    return handler === undefined ? [] : [[method, handler] as const];
  });
  return Object.fromEntries(handlers);
}
