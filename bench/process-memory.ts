import { readdirSync, readFileSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Resident bytes of a process and all its descendants, shared pages counted once a process: an upper bound. */
export function residentBytes(rootPid: number): number {
  const parents = new Map<number, number>();
  const resident = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const stat = read(`/proc/${pid}/stat`);
    const statm = read(`/proc/${pid}/statm`);
    if (stat === undefined || statm === undefined) continue;
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    resident.set(pid, Number(statm.split(' ')[1]) * PAGE_BYTES);
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid === rootPid || (pid !== undefined && pid > 1 && isOurs(parents.get(pid)));
  return [...resident].reduce((sum, [pid, bytes]) => sum + (isOurs(pid) ? bytes : 0), 0);
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
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(rootPid));
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
