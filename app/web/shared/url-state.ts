import { useCallback } from 'react';
import { useSearchParams } from 'wouter';

/** `alone` drops every other parameter: those of another tab mean nothing here. */
export type SetUrlState = (value: string, options?: { alone?: boolean; push?: boolean }) => void;

/** A piece of state that stands in the address, so that a link shows the same. Empty means absent. */
export function useUrlState(name: string): [string, SetUrlState] {
  const [params, setParams] = useSearchParams();
  const set = useCallback<SetUrlState>(
    (value, { alone = false, push = false } = {}) => {
      setParams(
        (before) => {
          const after = new URLSearchParams(alone ? undefined : before);
          if (value === '') after.delete(name);
          else after.set(name, value);
          return after;
        },
        { replace: !push },
      );
    },
    [name, setParams],
  );
  return [params.get(name) ?? '', set];
}
