import clsx from 'clsx';
import { useEffect, useRef, useState } from 'react';
import { formatCount, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { CopyButton } from '../shared/ui/copy.tsx';
import { Checkbox } from '../shared/ui/field.tsx';
import { Panel } from '../shared/ui/panel.tsx';
import { Loading } from '../shared/ui/states.tsx';
import type { LogLine, Story } from './job-story.ts';
import type { Followed } from './use-job-story.ts';

/** Lines in the document; all that are kept can be copied. */
const MOST_DRAWN = 1500;
/** So near to the end counts as at the end. */
const NEAR_PIXELS = 24;

export function JobLog({ followed: { story, link } }: { followed: Followed }) {
  const [follow, setFollow] = useState(true);
  if (story === undefined) return <Loading />;
  return (
    <Panel
      title="Log"
      flush
      description={describe(story)}
      actions={
        <>
          {link === 'live' && <Badge tone="accent">live</Badge>}
          {link === 'lost' && <Badge tone="warn">connection lost, trying again</Badge>}
          <Checkbox label="Follow" checked={follow} onChecked={setFollow} />
          <CopyButton label="Copy log" text={() => story.lines.map(({ text }) => `${text}\n`).join('')} />
        </>
      }
    >
      <Lines lines={story.lines} follow={follow} onLeave={() => setFollow(false)} />
    </Panel>
  );
}

function describe(story: Story): string {
  const all = story.lines.length + story.dropped;
  const shown = Math.min(story.lines.length, MOST_DRAWN);
  if (all === shown) return `${formatCount(all)} lines`;
  return `the last ${formatCount(shown)} of ${formatCount(all)} lines; longshore jobs logs prints them all`;
}

function Lines({ lines, follow, onLeave }: { lines: readonly LogLine[]; follow: boolean; onLeave: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  const last = lines.at(-1);
  const end = `${last?.key ?? -1}:${last?.text.length ?? 0}`;
  useEffect(() => {
    if (follow && end !== '' && box.current !== null) box.current.scrollTop = box.current.scrollHeight;
  }, [follow, end]);
  const scrolledUp = () => {
    const { scrollHeight = 0, scrollTop = 0, clientHeight = 0 } = box.current ?? {};
    if (follow && scrollHeight - scrollTop - clientHeight > NEAR_PIXELS) onLeave();
  };
  return (
    <section
      ref={box}
      aria-label="Log lines"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard
      tabIndex={0}
      onWheel={scrolledUp}
      onKeyUp={scrolledUp}
      onTouchEnd={scrolledUp}
      className="h-96 overflow-auto bg-sunken px-4 py-3 font-mono text-xs leading-5 outline-offset-[-2px]"
    >
      {lines.length === 0 && <p className="text-muted">Nothing was said yet.</p>}
      {lines.slice(-MOST_DRAWN).map((line) => (
        <div
          key={line.key}
          title={`${line.stream}, ${formatMoment(line.at)}`}
          className={clsx(
            'min-h-5 break-words whitespace-pre-wrap',
            line.stream.startsWith('stderr') && 'text-warn',
            line.stream.startsWith('worker') && 'text-muted',
          )}
        >
          {line.text}
        </div>
      ))}
    </section>
  );
}
