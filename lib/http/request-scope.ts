import { AsyncLocalStorage } from 'node:async_hooks';
import type { IncomingMessage } from 'node:http';
import type { Application } from '@/lib/composition.ts';

/** What surrounds a handler: the application it serves, and the connection, where there is one. */
export interface RequestScope {
  application: Application;
  /** Undefined where the handler was called without Longshore's own server. */
  incoming?: IncomingMessage;
}

/** Whose failed sign-ins are counted together; `unknown` where no connection is known. */
export function peerAddress(): string {
  const scope = scopes.getStore();
  const socketAddress = scope?.incoming?.socket.remoteAddress ?? 'unknown';
  if (scope?.application.config.trustProxy !== true) return socketAddress;
  const forwarded = scope.incoming?.headers['x-forwarded-for'];
  const last = (Array.isArray(forwarded) ? forwarded.join(',') : forwarded)?.split(',').at(-1)?.trim();
  return last === undefined || last === '' ? socketAddress : last.slice(0, 64);
}

const scopes = new AsyncLocalStorage<RequestScope>();

/**
 * Where a route file runs in somebody else's server (Next.js) nobody gives it an application, and its bundler may load
 * this module more than once. One process may hold the embedded database only once, hence one place for all copies.
 */
const PROCESS_WIDE = Symbol.for('longshore.application');
const processWide = globalThis as { [PROCESS_WIDE]?: Promise<Application> };

export function runInScope<T>(scope: RequestScope, fn: () => T): T {
  return scopes.run(scope, fn);
}

/** For tests: handlers called inside `fn` find this application. */
export function runWithApplication<T>(application: Application, fn: () => T): T {
  return scopes.run({ application }, fn);
}

export function requestScope(): RequestScope | undefined {
  return scopes.getStore();
}

/** The application of the running request; else the one of this process, composed from its environment on first use. */
export function currentApplication(): Promise<Application> {
  const scope = scopes.getStore();
  if (scope !== undefined) return Promise.resolve(scope.application);
  processWide[PROCESS_WIDE] ??= composeForProcess();
  return processWide[PROCESS_WIDE];
}

async function composeForProcess(): Promise<Application> {
  try {
    const { composeFromEnvironment } = await import('@/lib/composition.ts');
    return await composeFromEnvironment();
  } catch (error) {
    delete processWide[PROCESS_WIDE];
    throw error;
  }
}
