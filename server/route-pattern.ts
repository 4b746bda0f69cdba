/** Next.js's rules for route files: `[id]` one segment, `[...path]` the rest, `(group)` no segment at all. */
export interface RoutePattern {
  /** `/api/training/dataset/[id]`, for people and /openapi.json. */
  path: string;
  segments: readonly Segment[];
}

export type Segment = { kind: 'static'; text: string } | { kind: 'one' | 'rest'; name: string };

/** The pattern of a route file, by its path below `app`: `api/keys/[id]/route.js`, `(root)/healthz/route.js`. */
export function patternOf(file: string): RoutePattern {
  const parts = file.replace(/\/?route\.[a-z]+$/, '').split('/');
  const kept = parts.filter((part) => part !== '' && !/^\(.*\)$/.test(part));
  return { path: `/${kept.join('/')}`, segments: kept.map(segmentOf) };
}

function segmentOf(part: string): Segment {
  const rest = /^\[\.\.\.(\w+)\]$/.exec(part)?.[1];
  if (rest !== undefined) return { kind: 'rest', name: rest };
  const one = /^\[(\w+)\]$/.exec(part)?.[1];
  return one === undefined ? { kind: 'static', text: part } : { kind: 'one', name: one };
}

const RANK = { static: 0, one: 1, rest: 2 } as const;

/** Orders patterns so that the first match is the most exact one. */
export function compareExactness(a: RoutePattern, b: RoutePattern): number {
  const length = Math.max(a.segments.length, b.segments.length);
  for (let i = 0; i < length; i++) {
    const left = a.segments[i];
    const right = b.segments[i];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    const order = RANK[left.kind] - RANK[right.kind];
    if (order !== 0) return order;
  }
  return a.path < b.path ? -1 : 1;
}

/** The same pattern in Hono's words. Its `{.+}` never matches an empty rest, as in Next.js. */
export function honoPath(pattern: RoutePattern): string {
  const parts = pattern.segments.map((segment) => {
    if (segment.kind === 'static') return segment.text;
    return segment.kind === 'one' ? `:${segment.name}` : `:${segment.name}{.+}`;
  });
  return `/${parts.join('/')}`;
}
