import type { Server } from 'node:http';
import { join } from 'node:path';
import { type Application, composeApplication } from '@/lib/composition.ts';
import { type Config, type Environment, readConfig } from '@/lib/config/config.ts';
import { ConfigError } from '@/lib/config/config-error.ts';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { SERVER_EXIT } from './exit-codes.ts';
import { routesOf } from './file-router.ts';
import { createHttpApp } from './http-app.ts';
import { createHttpServer, listen } from './http-server.ts';
import { loadRouteModules } from './load-routes.ts';

export interface RunningServer {
  application: Application;
  server: Server;
  /** Where this machine reaches it. */
  url: string;
}

/** Composes the application and listens. What was opened before a failure is closed again. */
export async function startServer(env?: Environment): Promise<RunningServer> {
  const config = readConfig(env);
  const application = await composeApplication(config);
  try {
    const routes = routesOf(await loadRouteModules(join(projectRoot(), 'dist', 'app')));
    const page = async () => undefined;
    const app = createHttpApp({ application, routes, page });
    const server = createHttpServer(application, (request, bindings) => app.fetch(request, bindings));
    const port = await listen(server, config.port, config.host);
    return { application, server, url: urlOf(config, port) };
  } catch (error) {
    await application.close();
    throw startFailure(error, config);
  }
}

function urlOf({ host }: Config, port: number): string {
  const any = host === '0.0.0.0' || host === '::';
  const name = any ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

function startFailure(error: unknown, { host, port }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new LongshoreError('port_in_use', `Port ${port} on ${host} is taken by another program.`, {
      hint: 'Stop that program, or choose another port: PORT=3001 npm start',
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new LongshoreError('address_refused', `${host}:${port} cannot be listened on (${code}).`, {
      hint: 'Set HOST to an address of this machine, and PORT to 1024 or above.',
    });
  }
  return error;
}

/** What the process should end with when it could not start. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return SERVER_EXIT.config;
  return error instanceof LongshoreError ? SERVER_EXIT.notStarted : SERVER_EXIT.crashed;
}
