import { resolve } from 'node:path';
import type { Environment } from './config.ts';

/** What the command line needs to find a server: `LONGSHORE_URL`, `LONGSHORE_API_KEY`, `DATA_DIR`. */
export interface ClientConfig {
  url: string | undefined;
  apiKey: string | undefined;
  dataDir: string;
  /** NO_COLOR (no-color.org): any value but an empty one turns colour off. */
  noColor: boolean;
}

export function readClientConfig(env: Environment = process.env): ClientConfig {
  const given = (name: string) => (env[name]?.trim() === '' ? undefined : env[name]?.trim());
  return {
    url: given('LONGSHORE_URL'),
    apiKey: given('LONGSHORE_API_KEY'),
    dataDir: resolve(given('DATA_DIR') ?? 'data'),
    noColor: given('NO_COLOR') !== undefined || env.TERM === 'dumb',
  };
}

/** The environment of a server that a command starts for itself, on a free port, quiet. */
export function privateServerEnvironment(env: Environment = process.env): Environment {
  return { ...env, HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: env.LOG_LEVEL ?? 'error' };
}

/** The environment of a Python worker that this command starts: this person's, with the server and key that were found. */
export function workerEnvironment(url: string, apiKey: string, env: Environment = process.env): Environment {
  return { ...env, LONGSHORE_URL: url, LONGSHORE_API_KEY: apiKey };
}
