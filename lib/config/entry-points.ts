import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * The project's root folder: the nearest parent that holds Longshore's package.json. The same answer from source, from
 * dist/ and from a chunk in dist/chunks/.
 */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isProjectRoot(folder)) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('package.json of longshore not found above the running file');
    folder = parent;
  }
  return folder;
}

function isProjectRoot(folder: string): boolean {
  const file = join(folder, 'package.json');
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'longshore';
}

/**
 * URL of a built entry, named by its source path without the extension: `lib/ingest/ingest.worker`. Threads and child
 * processes always run the built file, in tests too (vitest builds first), because Node 20 does not read TypeScript.
 */
export function entryPoint(sourcePath: string): URL {
  const built = join(projectRoot(), 'dist', `${sourcePath}.js`);
  if (!existsSync(built)) throw new Error(`${sourcePath} is not built. Run: npm run build`);
  return pathToFileURL(built);
}
