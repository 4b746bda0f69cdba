import { type RefObject, useEffect, useLayoutEffect, useState } from 'react';

export interface WindowedRange {
  from: number;
  to: number;
  /** Pixels that stand for the rows before and after. */
  above: number;
  below: number;
}

/** Rows kept beyond both edges of the window, so that scrolling shows no gap. */
const SPARE_ROWS = 8;
/** How many rows before the end the next page is asked for. */
const EARLY_ROWS = 30;
const FIRST_ROWS = 30;

/**
 * The rows of a table that are in view of the scrolling page. The work of a scroll depends on the height of the window,
 * not on the number of rows.
 */
export function useWindowedRows({
  body,
  count,
  rowHeight,
  onEnd,
}: {
  body: RefObject<HTMLElement | null>;
  count: number;
  rowHeight: number | undefined;
  onEnd: (() => void) | undefined;
}): WindowedRange {
  const [view, setView] = useState({ from: 0, to: FIRST_ROWS });
  useLayoutEffect(() => {
    if (rowHeight === undefined) return;
    const look = () => {
      const top = body.current?.getBoundingClientRect().top ?? 0;
      const from = Math.max(0, Math.floor(-top / rowHeight) - SPARE_ROWS);
      const to = Math.ceil((innerHeight - top) / rowHeight) + SPARE_ROWS;
      setView((now) => (now.from === from && now.to === to ? now : { from, to }));
    };
    look();
    addEventListener('scroll', look, { passive: true });
    addEventListener('resize', look);
    return () => {
      removeEventListener('scroll', look);
      removeEventListener('resize', look);
    };
  }, [body, rowHeight]);
  const near = rowHeight !== undefined && count > 0 && view.to + EARLY_ROWS >= count;
  useEffect(() => {
    if (near) onEnd?.();
  }, [near, onEnd]);
  if (rowHeight === undefined) return { from: 0, to: count, above: 0, below: 0 };
  const from = Math.min(view.from, count);
  const to = Math.min(view.to, count);
  return { from, to, above: from * rowHeight, below: (count - to) * rowHeight };
}
