import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;
const TICKS_PER_SECOND = 100;
/** Listing all processes costs more than reading a few: new ones are looked for at every eighth sample. */
const SAMPLES_PER_LISTING = 8;

/** A process and all its descendants, as far as they live. */
function treeOf(rootPid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
    if (stat !== undefined) parents.set(pid, Number(stat[1]));
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid === rootPid || (pid !== undefined && pid > 1 && isOurs(parents.get(pid)));
  return [...parents.keys()].filter(isOurs);
}

/** The fields of /proc/PID/stat from the third on. */
function statOf(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Resident bytes of processes, shared pages counted once a process: an upper bound. */
function residentBytes(pids: readonly number[]): number {
  const pages = pids.map((pid) => Number(read(`/proc/${pid}/statm`)?.split(' ')[1] ?? 0));
  return pages.reduce((sum, count) => sum + count, 0) * PAGE_BYTES;
}

/** CPU seconds that a process, its threads and its ended children have used. */
export function cpuSeconds(pid: number): number {
  const ticks = statOf(pid)?.slice(11, 15) ?? [];
  return ticks.reduce((sum, count) => sum + Number(count), 0) / TICKS_PER_SECOND;
}

/** A process that ended between listing and reading has no memory any more. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Samples the tree until stopped; `stop` answers the highest sum seen, in bytes. */
export function watchMemory(rootPid: number, everyMs = 25): { stop(): number; reset(): void } {
  let peak = 0;
  let samples = 0;
  let pids = treeOf(rootPid);
  const timer = setInterval(() => {
    if (samples++ % SAMPLES_PER_LISTING === 0) pids = treeOf(rootPid);
    peak = Math.max(peak, residentBytes(pids));
  }, everyMs);
  return {
    reset: () => {
      peak = 0;
    },
    stop: () => {
      clearInterval(timer);
      return peak;
    },
  };
}
