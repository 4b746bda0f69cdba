import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { plainPage } from '@/lib/http/plain-page.ts';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
};

interface PageFile {
  headers: Record<string, string>;
  etag: string;
  plain: Buffer;
  /** What the build compressed, best first. */
  encoded: readonly { encoding: string; bytes: Buffer }[];
}

export type Page = (request: Request) => Promise<Response | undefined>;

/**
 * The built page: a few megabytes, read once at the start. File names under /assets carry a hash and never change; every
 * other address of the page is the same document, asked for again each time.
 */
export class PageFiles {
  readonly #files: ReadonlyMap<string, PageFile>;

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  /** Answers with the page below `folder`; where nothing was built, with a page that says how to. */
  static async load(folder: string): Promise<Page> {
    const names = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
    const paths = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const plain = paths.filter((path) => !/\.(br|gz|map)$/.test(path));
    const read = plain.map(async (path) => [urlPath(folder, path), await readPageFile(path, paths)] as const);
    const files = new PageFiles(new Map(await Promise.all(read)));
    return async (request) => files.#answer(request);
  }

  #answer(request: Request): Response | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return undefined;
    const path = new URL(request.url).pathname;
    const file = this.#files.get(path) ?? (isPagePath(path) ? this.#files.get('/index.html') : undefined);
    if (file !== undefined) return answerWith(file, request);
    return isPagePath(path) && !this.#files.has('/index.html') ? notBuilt() : undefined;
  }
}

/** An address that a person may open: the page itself decides what is there. */
function isPagePath(path: string): boolean {
  return !/^\/(api|files|assets)(\/|$)/.test(path) && extname(path) === '';
}

function urlPath(folder: string, path: string): string {
  return path.slice(folder.length).replaceAll('\\', '/');
}

async function readPageFile(path: string, all: readonly string[]): Promise<PageFile> {
  const plain = await readFile(path);
  const variants = [
    { encoding: 'br', path: `${path}.br` },
    { encoding: 'gzip', path: `${path}.gz` },
  ].filter((variant) => all.includes(variant.path));
  const encoded = variants.map(async ({ encoding, path: file }) => ({ encoding, bytes: await readFile(file) }));
  const hashed = /[\\/]assets[\\/]/.test(path);
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 27)}"`;
  const headers = {
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': hashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    Vary: 'Accept-Encoding',
    ETag: etag,
  };
  return { headers, etag, plain, encoded: await Promise.all(encoded) };
}

function answerWith(file: PageFile, request: Request): Response {
  if (request.headers.get('if-none-match')?.replace(/^W\//, '') === file.etag) {
    return new Response(null, { status: 304, headers: file.headers });
  }
  const accepted = (request.headers.get('accept-encoding') ?? '').split(',').map((part) => part.trim());
  const best = file.encoded.find(({ encoding }) => accepted.some((part) => accepts(part, encoding)));
  const bytes = best?.bytes ?? file.plain;
  const headers: Record<string, string> = { ...file.headers, 'Content-Length': String(bytes.byteLength) };
  if (best !== undefined) headers['Content-Encoding'] = best.encoding;
  return new Response(request.method === 'HEAD' ? null : new Uint8Array(bytes), { headers });
}

function accepts(part: string, encoding: string): boolean {
  const [name, weight = ''] = part.split(';').map((piece) => piece.trim());
  return name === encoding && !/^q=0(\.0*)?$/.test(weight);
}

function notBuilt(): Response {
  return plainPage({
    status: 503,
    title: 'The page is not built',
    paragraphs: ['The server runs and its API answers, but the page that belongs here was never built. Build it with:'],
    command: 'npm run build',
  });
}
