import { type FaultAction, type FaultRule, seededRandom } from '@/sandbox/faults.ts';
import { chatRecords } from '@/tests/support/chat-file.ts';

export const WORLDS = ['one process, embedded database', 'two processes, one Postgres'] as const;
export type World = (typeof WORLDS)[number];

/** What a worker asks of a server. `which` chooses among the datasets that are there then. */
export type Operation =
  | { kind: 'upload'; way: 'raw' | 'multipart' | 'tus'; name: string; body: string }
  | { kind: 'delete' | 'verify' | 'repair' | 'download' | 'preview'; which: number }
  | { kind: 'scrub' | 'reconcile' }
  | { kind: 'phase'; phase: 'base_only' | 'dual_write' | 'hybrid_read' };

export interface Round {
  /** Of each store; the base store fails only where it is a server of its own. */
  s3: FaultRule[];
  base: FaultRule[];
  /** One list a worker; workers take turns on the servers. */
  workers: Operation[][];
  /** Which server is killed after how many answers; undefined: none. */
  kill: { server: number; afterAnswers: number } | undefined;
}

export interface ProcessPlan {
  seed: number;
  world: World;
  rounds: Round[];
}

/** The plan of a seed: the same operations, faults and kills every time. */
export function processPlan(seed: number, rounds: number): ProcessPlan {
  const random = seededRandom(seed);
  const world = WORLDS[seed % WORLDS.length] as World;
  return { seed, world, rounds: Array.from({ length: rounds }, (_, round) => makeRound(random, `${seed}-${round}`)) };
}

type Random = () => number;
const below = (random: Random, end: number) => Math.floor(random() * end);
const pick = <T>(random: Random, from: readonly T[]): T => from[below(random, from.length)] as T;

function makeRound(random: Random, name: string): Round {
  const rules = () => Array.from({ length: below(random, 3) }, () => makeRule(random));
  return {
    s3: rules(),
    base: rules(),
    workers: ['a', 'b', 'c'].map((worker) =>
      Array.from({ length: 4 }, (_, at) => makeOperation(random, `${name}-${worker}-${at}`)),
    ),
    kill: random() < 0.7 ? { server: below(random, 2), afterAnswers: 1 + below(random, 8) } : undefined,
  };
}

function makeRule(random: Random): FaultRule {
  return { action: makeAction(random), skip: below(random, 6), times: 1 + below(random, 5), probability: 0.8 };
}

function makeAction(random: Random): FaultAction {
  const when = pick(random, ['before', 'after'] as const);
  const side = pick(random, ['request', 'response'] as const);
  const actions: readonly FaultAction[] = [
    { kind: 'status', status: pick(random, [500, 503]), when },
    { kind: 'delay', delayMs: below(random, 800), when },
    { kind: 'stall', when },
    { kind: 'truncate', side, afterBytes: below(random, 200) },
    { kind: 'reset', when },
    { kind: 'bit_flip', side },
    { kind: 'false_success' },
    { kind: 'rate_limit', perSecond: 1 + below(random, 5) },
    { kind: 'outage' },
  ];
  return pick(random, actions);
}

function makeOperation(random: Random, name: string): Operation {
  const at = random();
  if (at < 0.45)
    return { kind: 'upload', way: pick(random, ['raw', 'multipart', 'tus'] as const), ...makeFile(random, name) };
  if (at < 0.55) return { kind: 'phase', phase: pick(random, ['base_only', 'dual_write', 'hybrid_read'] as const) };
  if (at < 0.62) return { kind: pick(random, ['scrub', 'reconcile'] as const) };
  const kind = pick(random, ['delete', 'verify', 'repair', 'download', 'preview'] as const);
  return { kind, which: below(random, 1000) };
}

/** Small files of several formats, each unlike every other. */
function makeFile(random: Random, name: string): { name: string; body: string } {
  const count = 1 + below(random, 60);
  const numbers = Array.from({ length: count }, (_, index) => index);
  const made = [
    { name: `${name}.jsonl`, body: chatRecords(count, below(random, 1e6)) },
    { name: `${name}.csv`, body: `instruction,output\n${numbers.map((n) => `${name} ${n},done ${n}`).join('\n')}\n` },
    {
      name: `${name}.json`,
      body: JSON.stringify(numbers.map((n) => ({ instruction: `${name} ${n}`, input: '', output: 'ok' }))),
    },
    {
      name: `${name}.jsonl`,
      body: numbers
        .map((n) => `${JSON.stringify({ prompt: `${name} ${n}`, chosen: 'yes', rejected: 'no' })}\n`)
        .join(''),
    },
  ];
  return pick(random, made);
}
