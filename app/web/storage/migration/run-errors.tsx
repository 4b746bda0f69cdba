import type { MigrationRun } from '../../shared/api/types.ts';
import { formatCount } from '../../shared/format.ts';
import { Panel } from '../../shared/ui/panel.tsx';
import { useUrlState } from '../../shared/url-state.ts';

/** Why datasets were not moved: the most frequent reason first. A reason leads to its datasets. */
export function RunErrors({ run }: { run: MigrationRun }) {
  const [chosen, choose] = useUrlState('error');
  if (run.errors.length === 0) return null;
  return (
    <Panel title="Why datasets were not moved" flush>
      <ul className="divide-y divide-line">
        {run.errors.map(({ code, count, message, hint }) => (
          <li key={code} className="flex flex-col gap-0.5 px-4 py-2.5 text-sm">
            <div className="flex flex-wrap items-baseline justify-between gap-x-4">
              <code className="text-xs font-medium">{code}</code>
              <button
                type="button"
                aria-pressed={chosen === code}
                onClick={() => choose(chosen === code ? '' : code)}
                className="tabular cursor-pointer text-xs text-accent hover:underline"
              >
                {chosen === code ? 'Show all' : `Show ${formatCount(count)}`}
              </button>
            </div>
            <p>{message}</p>
            {hint !== null && <p className="text-muted">{hint}</p>}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
