import type { Server } from 'node:http';
import { join } from 'node:path';
import { type Application, composeApplication } from '@/lib/composition.ts';
import { type Config, configuredBaseUrl, type Environment, readConfig } from '@/lib/config/config.ts';
import { ConfigError } from '@/lib/config/config-error.ts';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { SERVER_EXIT } from './exit-codes.ts';
import { routesOf } from './file-router.ts';
import { createHttpApp } from './http-app.ts';
import { createHttpServer, listen } from './http-server.ts';
import { loadRouteModules } from './load-routes.ts';
import { openApiRoute } from './openapi-route.ts';
import { PageFiles } from './page-files.ts';
import { serveApplication } from './serve-application.ts';
import { StartupGate } from './startup-gate.ts';

export interface RunningServer {
  application: Application;
  server: Server;
  /** Where this machine reaches it. */
  url: string;
}

/**
 * Listens, then composes the application: a taken port is told before anything is opened, and whoever asks while the
 * database starts is told to wait. What was opened before a failure is closed again.
 */
export async function startServer(env?: Environment): Promise<RunningServer> {
  const config = readConfig(env);
  const gate = new StartupGate();
  const server = createHttpServer(config.http, gate.listener);
  const port = await listen(server, config.port, config.host).catch((error: unknown) => {
    throw listenFailure(error, config);
  });
  const url = configuredBaseUrl({ ...config, publicUrl: undefined }, port).origin;
  try {
    const application = await composeApplication(config, config.publicUrl ?? new URL(url));
    gate.open(serveApplication(application, await buildApp(application)));
    return { application, server, url };
  } catch (error) {
    server.closeAllConnections();
    server.close();
    throw error;
  }
}

async function buildApp(application: Application): Promise<ReturnType<typeof createHttpApp>> {
  const dist = join(projectRoot(), 'dist');
  const routes = routesOf(await loadRouteModules(join(dist, 'app')));
  return createHttpApp({
    application,
    routes: [...routes, openApiRoute(routes)],
    page: await PageFiles.load(join(dist, 'web')),
  });
}

function listenFailure(error: unknown, { host, port }: Config): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EADDRINUSE') {
    return new LongshoreError('port_in_use', `Port ${port} on ${host} is taken by another program.`, {
      hint: 'Stop that program, or choose another port: PORT=3001 npm start',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return new LongshoreError('address_refused', `${host}:${port} cannot be listened on (${code}).`, {
      hint: 'Set HOST to an address of this machine, and PORT to 1024 or above.',
      cause: error,
    });
  }
  return error;
}

/** What the process should end with when it could not start. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError) return SERVER_EXIT.config;
  return error instanceof LongshoreError ? SERVER_EXIT.notStarted : SERVER_EXIT.crashed;
}
