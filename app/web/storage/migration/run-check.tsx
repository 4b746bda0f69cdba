import type { MigrationRun } from '../../shared/api/types.ts';
import { formatAgo, formatCount } from '../../shared/format.ts';
import { Meter } from '../../shared/ui/meter.tsx';
import { Fact, Facts, Panel } from '../../shared/ui/panel.tsx';

/** What reading both sides back found. */
export function RunCheck({ run: { check, counts } }: { run: MigrationRun }) {
  if (check === null) return null;
  const checked = check.same + check.missing + check.different + check.errors;
  const words = check.at === null ? 'Under way' : `Finished ${formatAgo(check.at)}`;
  return (
    <Panel title="Both sides read back" description={words}>
      {check.at === null && (
        <Meter label="Read back" value={counts.done === 0 ? 0 : checked / counts.done} className="mb-4" />
      )}
      <Facts>
        <Fact term="The same">{formatCount(check.same)}</Fact>
        <Fact term="Missing">{formatCount(check.missing)}</Fact>
        <Fact term="Different">{formatCount(check.different)}</Fact>
        <Fact term="Not readable">{formatCount(check.errors)}</Fact>
      </Facts>
    </Panel>
  );
}
