import { useCallback } from 'react';

let lastScreen: string | undefined;

/** What the focus is for: the path alone, since filters and pages within a screen must not move it. */
function screenOf(path: string): string {
  return path.replace(/\/+$/, '');
}

/** Gives the focus to the new screen's heading and scrolls up, but not when the page was just opened or only filtered. */
export function useArrival(): (heading: HTMLElement | null) => void {
  return useCallback((heading) => {
    const here = screenOf(location.pathname);
    const moved = lastScreen !== undefined && lastScreen !== here;
    lastScreen = here;
    if (!moved || heading === null) return;
    scrollTo({ top: 0 });
    heading.focus({ preventScroll: true });
  }, []);
}
