/** A burst of events asks once, and events without end not more often than once in the rest. */
const GATHER_MS = 250;
const REST_MS = 1000;

export interface Gathering {
  add(name: string): void;
  /** Forgets what was gathered. */
  stop(): void;
}

/** Calls `flush` with the distinct names that were added within a short time. */
export function gather(flush: (names: string[]) => void, { gatherMs = GATHER_MS, restMs = REST_MS } = {}): Gathering {
  const names = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let restsUntil = 0;
  const run = () => {
    timer = undefined;
    restsUntil = Date.now() + restMs;
    const gathered = [...names];
    names.clear();
    flush(gathered);
  };
  return {
    add: (name) => {
      names.add(name);
      timer ??= setTimeout(run, Math.max(gatherMs, restsUntil - Date.now()));
    },
    stop: () => {
      clearTimeout(timer);
      timer = undefined;
      names.clear();
    },
  };
}
