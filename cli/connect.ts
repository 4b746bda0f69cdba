import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ClientConfig, privateServerEnvironment } from '@/lib/config/client-config.ts';
import { LongshoreError } from '@/lib/errors.ts';
import type { RunningServer } from '../server/serve.ts';
import { ApiClient } from './api-client.ts';

export interface Connection {
  client: ApiClient;
  /** The server ends with this command. */
  own: boolean;
  close(): Promise<void>;
}

/**
 * Finds the server to speak to: the one that is named, else the one that runs on the data directory, else one of our own
 * that lives as long as the command. Every command therefore goes the same way, with or without a running server.
 */
export async function connect(config: ClientConfig): Promise<Connection> {
  if (config.url !== undefined) return connectTo(config.url, config);
  const own = await startOwn();
  if (typeof own === 'string') return connectTo(own, config);
  const close = async () => (await import('../server/stop.ts')).stopServer(own);
  try {
    return { client: new ApiClient(own.url, await apiKey(config)), own: true, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function connectTo(url: string, config: ClientConfig): Promise<Connection> {
  return { client: new ApiClient(url, await apiKey(config)), own: false, close: async () => {} };
}

/** A server for this command; or, where one runs on the data directory already, its address. */
async function startOwn(): Promise<RunningServer | string> {
  try {
    const { startServer } = await import('../server/serve.ts');
    return await startServer(privateServerEnvironment());
  } catch (error) {
    const holder = dataDirHolder(error);
    if (holder !== undefined) return holder;
    throw error;
  }
}

/** The address of the server that has the data directory open, when that is why `error` was thrown. */
export function dataDirHolder(error: unknown): string | undefined {
  if (!(error instanceof LongshoreError) || error.code !== 'data_dir_locked') return undefined;
  const { url } = error.details;
  return typeof url === 'string' ? url : undefined;
}

async function apiKey(config: ClientConfig): Promise<string> {
  if (config.apiKey !== undefined) return config.apiKey;
  // The admin key opens the installation in this data directory and no other server.
  const kept = config.url === undefined ? await keptKey(config.dataDir) : undefined;
  if (kept !== undefined) return kept;
  throw new LongshoreError('api_key_missing', 'No API key to sign in with.', {
    hint:
      config.url === undefined
        ? 'Set LONGSHORE_API_KEY, or run where DATA_DIR holds the admin-key file of a local installation.'
        : 'Set LONGSHORE_API_KEY. The admin-key file in DATA_DIR is sent to its own installation alone: unset LONGSHORE_URL to use that.',
  });
}

async function keptKey(dataDir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataDir, 'admin-key'), 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
