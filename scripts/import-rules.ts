/** Who may import whom, and why. Read by check-imports.ts. The order is the direction of the data. */
export interface AreaRule {
  may: readonly string[] | 'all';
  /** No Node built-ins: the code also runs in the browser. */
  pure?: boolean;
  reason: string;
}

const BASE = ['lib/errors', 'lib/format', 'lib/observability', 'lib/config'];

export const AREAS: Record<string, AreaRule> = {
  'lib/errors': { may: [], pure: true, reason: 'the error type stands below everything' },
  'lib/format': { may: [], pure: true, reason: 'how figures are written, the same everywhere' },
  'lib/config': { may: ['lib/errors'], reason: 'configuration is read before anything else exists' },
  'lib/observability': { may: ['lib/errors', 'lib/config'], reason: 'logging must be usable by every area' },
  'lib/streams': { may: ['lib/errors'], reason: 'streams know nothing of datasets or stores' },
  'lib/storage': { may: [...BASE, 'lib/streams'], reason: 'a store knows keys and bytes, not datasets, rows or users' },
  'lib/ingest/core': {
    may: ['lib/ingest/types'],
    pure: true,
    reason: 'the core also runs in a Web Worker of the page',
  },
  'lib/ingest/types': { may: [], pure: true, reason: 'shared words of ingest, also used by the page' },
  'lib/ingest': {
    may: [...BASE, 'lib/streams', 'lib/ingest/core', 'lib/ingest/types'],
    reason: 'ingest turns bytes into a spool file and knows no store, row or user',
  },
  'lib/db': { may: [...BASE, 'lib/ingest/types'], reason: 'the database layer knows tables, not use cases' },
  'lib/jobs': { may: [...BASE, 'lib/db'], reason: 'the queue runs handlers that others register' },
  'lib/secrets': {
    may: [...BASE, 'lib/db', 'lib/jobs', 'lib/storage', 'lib/streams'],
    reason: 'secrets are tested against stores, and know no datasets',
  },
  'lib/placement': {
    may: [...BASE, 'lib/db', 'lib/jobs', 'lib/secrets', 'lib/storage', 'lib/streams', 'lib/ingest/types'],
    reason: 'placement decides where copies are; datasets decide what they are',
  },
  'lib/datasets': {
    may: [
      ...BASE,
      'lib/db',
      'lib/jobs',
      'lib/secrets',
      'lib/storage',
      'lib/streams',
      'lib/placement',
      'lib/ingest',
      'lib/ingest/types',
    ],
    reason: 'data flows http -> ingest -> placement -> storage; nothing below may call back up',
  },
  'lib/training': {
    may: [
      ...BASE,
      'lib/db',
      'lib/jobs',
      'lib/secrets',
      'lib/storage',
      'lib/streams',
      'lib/placement',
      'lib/datasets',
      'lib/ingest/types',
    ],
    reason: 'training reads datasets through the URL service and never touches ingest',
  },
  'lib/migration': {
    may: [
      ...BASE,
      'lib/db',
      'lib/jobs',
      'lib/secrets',
      'lib/storage',
      'lib/streams',
      'lib/placement',
      'lib/datasets',
      'lib/ingest',
      'lib/ingest/types',
    ],
    reason: 'the move to S3 uses placement and datasets; they do not know it exists',
  },
  'lib/accounts': { may: [...BASE, 'lib/db'], reason: 'who somebody is does not depend on what they own' },
  'lib/http': { may: 'all', reason: 'http translates between requests and use cases' },
  'lib/composition': { may: 'all', reason: 'the one place where objects are built and wired' },
  'app/api': {
    may: ['lib/http', 'lib/errors', 'lib/composition', 'lib/ingest/types'],
    reason: 'a route parses, calls one use case and answers; it holds no logic',
  },
  'app/(root)': {
    may: ['lib/http', 'lib/errors', 'lib/composition'],
    reason: 'routes outside /api follow the same rule',
  },
  'lib/http/api-types': { may: 'all', reason: 'types of answers only: importing them takes no code along' },
  'app/web': {
    may: ['lib/http/api-types', 'lib/ingest/core', 'lib/ingest/types', 'lib/format'],
    reason: 'the page speaks HTTP only, and runs the pure ingest core',
  },
  server: {
    may: [...BASE, 'lib/accounts', 'lib/http', 'lib/composition', 'lib/streams', 'app/api'],
    reason: 'the process around the routes',
  },
  cli: { may: 'all', reason: 'the command line composes what it needs' },
  scripts: { may: 'all', reason: 'entry points for people' },
  sandbox: {
    may: ['lib/errors', 'lib/streams'],
    reason: 'the sandbox servers are written from public facts, not from our clients',
  },
};

/** The area of a path: the longest listed prefix, so lib/ingest/core is not lib/ingest. */
export function areaOf(path: string): string {
  const clean = path.replace(/\.tsx?$/, '');
  const matches = Object.keys(AREAS).filter((area) => clean === area || clean.startsWith(`${area}/`));
  return matches.sort((a, b) => b.length - a.length)[0] ?? clean;
}

export const ENVIRONMENT_RULE = {
  only: ['lib/config/', 'scripts/', 'sandbox/'],
  reason: 'only lib/config reads the environment, once, so that all faults are told together',
};

/** Each SDK is known to as few files as possible: the rest sees our own contract. */
export const SDK_RULES: readonly { module: string; only: readonly string[]; reason: string }[] = [
  { module: '@aws-sdk/client-s3', only: ['lib/storage/s3'], reason: 'SDK types stay out of the contract' },
  { module: '@supabase/storage-js', only: ['lib/storage/supabase'], reason: 'SDK types stay out of the contract' },
  {
    module: 'tus-js-client',
    only: ['lib/storage/supabase', 'cli/', 'app/web/'],
    reason: 'resumable upload is the business of one client each',
  },
  { module: 'cockatiel', only: ['lib/storage/layers/'], reason: 'breaking circuits is a layer' },
  { module: 'pg', only: ['lib/db/'], reason: 'one dialect, one driver, one place' },
  { module: 'drizzle-orm', only: ['lib/'], reason: 'routes and commands call use cases, not the database' },
  {
    module: '@electric-sql/pglite',
    only: ['lib/db/', 'scripts/'],
    reason: 'the embedded database runs in its own process',
  },
  { module: 'hono', only: ['server/', 'lib/http/'], reason: 'routes are Web-standard and do not know the server' },
  { module: 'commander', only: ['cli/'], reason: 'only the command line parses arguments' },
  { module: 'pino', only: ['lib/observability/'], reason: 'one place redacts' },
  { module: 'jose', only: ['lib/http/'], reason: 'one place trusts tokens' },
  { module: 'zod', only: ['lib/', 'app/api/'], reason: 'validation happens at the border' },
];
