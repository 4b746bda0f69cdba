import { type Query, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';
import { gather } from './gather.ts';

/** Topics of GET /api/events. */
export type Topic = 'dataset' | 'upload' | 'job' | 'storage' | 'migration';
const TOPICS: readonly Topic[] = ['dataset', 'upload', 'job', 'storage', 'migration'];

export interface LiveEvent {
  topic: Topic;
  /** `created`, `updated`, `deleted`, `progress`. */
  type: string;
  subject: string;
  data?: Record<string, unknown>;
}

type Listener = (event: LiveEvent) => void;

interface Live {
  /** False from a lost connection until it is back. */
  connected: boolean;
  listen(listener: Listener): () => void;
}

const LiveContext = createContext<Live | undefined>(undefined);

/** Which queries an event makes stale, by the first word of their key. Events are hints: what is shown is asked for anew. */
const STALE: Record<Topic, readonly string[]> = {
  dataset: ['datasets', 'dataset', 'storage', 'secrets'],
  upload: ['uploads'],
  job: ['jobs', 'job'],
  storage: ['storage', 'phase', 'scrub'],
  migration: ['migrations', 'migration', 'storage'],
};

/** What counts every copy costs the database more than a row does, and is asked for less often. */
const COSTLY_EVERY = { gatherMs: 3000, restMs: 5000 };
const COSTLY: readonly string[] = ['storage', 'secrets'];

/** One event stream for the whole page. After a gap everything that is shown is asked for again. */
export function LiveEvents({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(true);
  const listeners = useRef(new Set<Listener>());
  useEffect(() => {
    const source = new EventSource('/api/events');
    const refresh = (names: string[]) => {
      for (const name of names)
        void queries.invalidateQueries({ queryKey: [name], predicate: (query) => !freshensItself(query) });
    };
    const [cheap, costly] = [gather(refresh), gather(refresh, COSTLY_EVERY)];
    const hear = (topic: Topic) => (message: MessageEvent<string>) => {
      const event: LiveEvent = { ...JSON.parse(message.data), topic };
      for (const name of STALE[topic]) (COSTLY.includes(name) ? costly : cheap).add(name);
      for (const listener of listeners.current) listener(event);
    };
    for (const topic of TOPICS) source.addEventListener(topic, hear(topic));
    source.addEventListener('reset', () => void queries.invalidateQueries());
    let opened = false;
    source.addEventListener('open', () => {
      setConnected(true);
      if (opened) void queries.invalidateQueries();
      opened = true;
    });
    source.addEventListener('error', () => setConnected(false));
    return () => {
      cheap.stop();
      costly.stop();
      source.close();
    };
  }, [queries]);
  const live = useMemo<Live>(
    () => ({
      connected,
      listen: (listener) => {
        listeners.current.add(listener);
        return () => listeners.current.delete(listener);
      },
    }),
    [connected],
  );
  return <LiveContext value={live}>{children}</LiveContext>;
}

/** While it is shown. Once it is not, it is made stale like any other, and asked for again when it comes back. */
function freshensItself(query: Query): boolean {
  return query.meta?.freshensItself === true && query.isActive();
}

/** Whether events arrive at the moment. */
export function useLive(): Live {
  const live = useContext(LiveContext);
  if (live === undefined) throw new Error('useLive needs LiveEvents above it');
  return live;
}

/** Calls `listener` for every event of a topic while the caller is shown, for what is quicker than asking again. */
export function useLiveEvents(topic: Topic, listener: (event: LiveEvent) => void): void {
  const { listen } = useLive();
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => listen((event) => event.topic === topic && latest.current(event)), [listen, topic]);
}
