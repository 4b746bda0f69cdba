import { useState } from 'react';
import type { PhaseState } from '../../shared/api/types.ts';
import { Button } from '../../shared/ui/button.tsx';
import { Confirm } from '../../shared/ui/confirm.tsx';
import { Checkbox, TextInput } from '../../shared/ui/field.tsx';
import { PHASES, type PhaseName } from '../words.ts';
import { useStep } from './use-step.ts';

type Next = NonNullable<PhaseState['next']>;

const FOLLOWS: Readonly<Record<PhaseName, readonly string[]>> = {
  base_only: [],
  dual_write: [
    'From now on every new dataset is written to the base store and to S3.',
    'What exists stays where it is until a migration moves it.',
  ],
  hybrid_read: [
    'Downloads come from S3 first, and from the base store whenever S3 cannot serve.',
    'New datasets are still written to both.',
  ],
  s3_primary: [
    'New datasets are kept in S3 alone. Without a bucket, nothing can be uploaded.',
    'What the base store holds stays there, and still serves when S3 cannot.',
  ],
};
const AND_BACK = 'Nothing is deleted, and you can step back at any time.';

/** Enters the next phase: plainly when its gates are open, else with a reason that is kept. */
export function StepForward({ next }: { next: Next }) {
  const step = useStep();
  const [reason, setReason] = useState('');
  const [agreed, setAgreed] = useState(false);
  const standing = next.gates.filter(({ ok, code }) => !ok && code !== 'confirmed');
  const asksYes = next.gates.some(({ code }) => code === 'confirmed');
  const force = standing.length > 0;
  const { title } = PHASES[next.phase];
  return (
    <Confirm
      trigger={<Button look={force ? 'danger' : 'primary'}>{force ? 'Force …' : `Enter ${title}`}</Button>}
      title={force ? `Enter ${title} although gates are closed?` : `Enter ${title}?`}
      consequences={[...standing.map((gate) => `Not so yet: ${gate.title}.`), ...FOLLOWS[next.phase], AND_BACK]}
      action={force ? `Force ${title}` : `Enter ${title}`}
      busy="Checking the gates …"
      look={force ? 'danger' : 'primary'}
      ready={(!force || reason.trim() !== '') && (!asksYes || agreed)}
      onConfirm={() => step({ phase: next.phase, confirm: asksYes ? agreed : undefined, force, reason })}
    >
      <TextInput
        label="Reason"
        help="Kept in the history, with your name and the gates as they stand."
        optional={!force}
        value={reason}
        onValue={setReason}
        maxLength={1000}
      />
      {asksYes && <Checkbox label="New datasets shall be kept in S3 alone" checked={agreed} onChecked={setAgreed} />}
    </Confirm>
  );
}
