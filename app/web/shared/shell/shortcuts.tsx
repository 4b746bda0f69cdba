import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState } from 'react';

export interface Shortcut {
  /** `g d`: one after the other. `mod+k`: with Ctrl or Cmd. `/`, `?`, `j`. */
  keys: string;
  /** What it does, for the help. */
  does: string;
  run: () => void;
}

interface Registry {
  add(shortcut: Shortcut): () => void;
  /** Those that work on the screen that is shown. */
  all: readonly Shortcut[];
}

const RegistryContext = createContext<Registry | undefined>(undefined);

/** Keys of a sequence follow each other within this time. */
const SEQUENCE_MS = 900;

/** Listens for keys. While somebody types into a field, only combinations with Ctrl or Cmd count. */
export function ShortcutProvider({ children }: { children: ReactNode }) {
  const [all, setAll] = useState<readonly Shortcut[]>([]);
  const current = useRef(all);
  current.current = all;
  useEffect(() => {
    let before = '';
    let timer: ReturnType<typeof setTimeout> | undefined;
    const press = (event: KeyboardEvent) => {
      const key = nameOf(event);
      if (key === undefined) return;
      const found = findShortcut(current.current, before, key);
      clearTimeout(timer);
      before = key;
      timer = setTimeout(() => {
        before = '';
      }, SEQUENCE_MS);
      if (found === undefined) return;
      event.preventDefault();
      before = '';
      found.run();
    };
    addEventListener('keydown', press);
    return () => {
      clearTimeout(timer);
      removeEventListener('keydown', press);
    };
  }, []);
  const registry = useMemo<Registry>(
    () => ({
      all,
      add: (shortcut) => {
        setAll((now) => [...now, shortcut]);
        return () => setAll((now) => now.filter((one) => one !== shortcut));
      },
    }),
    [all],
  );
  return <RegistryContext value={registry}>{children}</RegistryContext>;
}

/** The screen's own keys win over those of the shell, which were there before. */
function findShortcut(all: readonly Shortcut[], before: string, key: string): Shortcut | undefined {
  const named = (keys: string) => all.findLast((one) => one.keys === keys);
  return (before === '' ? undefined : named(`${before} ${key}`)) ?? named(key);
}

function nameOf(event: KeyboardEvent): string | undefined {
  if (event.altKey || event.isComposing || event.defaultPrevented) return undefined;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return `mod+${key}`;
  return isTyping(event.target) || document.querySelector('[role="dialog"],[role="alertdialog"]') !== null
    ? undefined
    : key;
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable="true"]');
}

export function useShortcuts(): readonly Shortcut[] {
  return useRegistry().all;
}

/** A key of the screen that is shown; it goes with it. */
export function useShortcut(keys: string, does: string, run: () => void): void {
  const { add } = useRegistry();
  const latest = useRef(run);
  latest.current = run;
  const adder = useRef(add);
  adder.current = add;
  useEffect(() => adder.current({ keys, does, run: () => latest.current() }), [keys, does]);
}

function useRegistry(): Registry {
  const registry = useContext(RegistryContext);
  if (registry === undefined) throw new Error('shortcuts need a ShortcutProvider above them');
  return registry;
}
