import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { RouteModule } from './file-router.ts';

/** Imports every built route file below `folder`, so that a broken one stops the start and not a request. */
export async function loadRouteModules(folder: string): Promise<Record<string, RouteModule>> {
  const files = (await readdir(folder, { recursive: true })).filter((file) => /(^|[\\/])route\.js$/.test(file));
  const loaded = files.map(async (file) => {
    const module: RouteModule = await import(pathToFileURL(join(folder, file)).href);
    return [file.replaceAll('\\', '/'), module] as const;
  });
  return Object.fromEntries(await Promise.all(loaded));
}
