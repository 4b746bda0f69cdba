import { useState } from 'react';
import type { PhaseState } from '../../shared/api/types.ts';
import { formatBytes } from '../../shared/format.ts';
import { Button } from '../../shared/ui/button.tsx';
import { Confirm } from '../../shared/ui/confirm.tsx';
import { TextInput } from '../../shared/ui/field.tsx';
import { Panel } from '../../shared/ui/panel.tsx';
import { datasetCount, PHASES, type PhaseName } from '../words.ts';
import { useStep } from './use-step.ts';

type Previous = NonNullable<PhaseState['previous']>;

/** Always possible, at once, and without a gate. */
export function StepBack({ from, previous }: { from: PhaseName; previous: Previous }) {
  const step = useStep();
  const [reason, setReason] = useState('');
  const { title } = PHASES[previous.phase];
  const { datasets, bytes } = previous.to_copy;
  return (
    <Panel
      title={`The way back: ${title}`}
      description="Needs no gate and takes effect at once."
      actions={
        <Confirm
          trigger={<Button>Step back</Button>}
          title={`Step back from ${PHASES[from].title} to ${title}?`}
          consequences={previous.consequences}
          action={`Go back to ${title}`}
          busy="Going back …"
          look="primary"
          onConfirm={() => step({ phase: previous.phase, reason })}
        >
          <TextInput label="Reason" optional value={reason} onValue={setReason} maxLength={1000} />
        </Confirm>
      }
    >
      <ul className="flex list-disc flex-col gap-1 pl-5 text-sm text-muted marker:text-line-strong">
        {previous.consequences.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
      {datasets > 0 && (
        <p className="tabular mt-3 text-sm">
          To be copied to the base store: {datasetCount(datasets)}, {formatBytes(bytes)}.
        </p>
      )}
    </Panel>
  );
}
