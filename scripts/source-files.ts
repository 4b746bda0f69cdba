import { existsSync, readdirSync } from 'node:fs';

const SKIPPED = /(^|\/)(node_modules|dist|data)(\/|$)/;

/** Paths of the project's files below `folders`, relative to `root`, sorted, that match `pattern`. */
export function sourceFiles(root: string, folders: readonly string[], pattern: RegExp): string[] {
  return folders
    .filter((folder) => existsSync(`${root}/${folder}`))
    .flatMap((folder) =>
      readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' }).map((p) => `${folder}/${p}`),
    )
    .filter((path) => pattern.test(path) && !SKIPPED.test(path))
    .sort();
}
