import { useMutation } from '@tanstack/react-query';
import { Download, Pause, Play } from 'lucide-react';
import type { MigrationRun } from '../../shared/api/types.ts';
import { AnchorButton, Button } from '../../shared/ui/button.tsx';
import { Confirm } from '../../shared/ui/confirm.tsx';
import { useToast } from '../../shared/ui/toast.tsx';
import { isChecking, MIGRATIONS } from '../queries.ts';
import { datasetCount } from '../words.ts';
import { isUnderWay, leftOver } from './run-words.ts';
import { type RunVerb, useRunAction } from './use-run-action.ts';

/** What may be done to a run in its state. */
export function RunActions({ run, onVerify }: { run: MigrationRun; onVerify: () => void }) {
  const { id, state, counts } = run;
  const ended = state === 'completed' || state === 'failed' || state === 'cancelled';
  return (
    <div className="flex flex-wrap gap-2">
      {state === 'planned' && run.items_total > 0 && <Act run={run} verb="resume" label="Start" primary />}
      {state === 'running' && <Act run={run} verb="pause" label="Pause" />}
      {state === 'paused' && <Act run={run} verb="resume" label="Resume" primary />}
      {(state === 'completed' || state === 'failed') && leftOver(run) > 0 && (
        <Act run={run} verb="resume" label="Try the rest again" />
      )}
      {ended && counts.done > 0 && <Verify run={run} onVerify={onVerify} />}
      {counts.done > 0 && (
        <>
          <AnchorButton
            href={`${MIGRATIONS}/${id}/report?format=csv`}
            download
            title="A receipt for every dataset, CSV"
          >
            <Download className="size-3.5" aria-hidden /> Report (CSV)
          </AnchorButton>
          <AnchorButton
            href={`${MIGRATIONS}/${id}/report`}
            download
            look="quiet"
            title="A receipt for every dataset, JSON lines"
          >
            JSONL
          </AnchorButton>
        </>
      )}
      {(state === 'planned' || state === 'running' || state === 'paused') && <Cancel run={run} />}
      {!isUnderWay(run) && counts.done > 0 && run.rolled_back_at === null && <RollBack run={run} />}
    </div>
  );
}

function Act({
  run,
  verb,
  label,
  primary = false,
}: {
  run: MigrationRun;
  verb: RunVerb;
  label: string;
  primary?: boolean;
}) {
  const act = useRunAction();
  const say = useToast();
  const doing = useMutation({
    mutationFn: () => act(run.id, verb),
    onError: (error) => say({ text: error.message, tone: 'bad' }),
  });
  const Icon = verb === 'pause' ? Pause : Play;
  return (
    <Button look={primary ? 'primary' : 'plain'} disabled={doing.isPending} onClick={() => doing.mutate()}>
      <Icon className="size-3.5" aria-hidden /> {label}
    </Button>
  );
}

function Verify({ run, onVerify }: { run: MigrationRun; onVerify: () => void }) {
  const act = useRunAction();
  const say = useToast();
  const asking = useMutation({
    mutationFn: () => act(run.id, 'verify'),
    onSuccess: () => {
      onVerify();
      say({ text: 'Both sides of every moved dataset are read back in the background.' });
    },
    onError: (error) => say({ text: error.message, tone: 'bad' }),
  });
  return (
    <Button disabled={asking.isPending || isChecking(run)} onClick={() => asking.mutate()}>
      {isChecking(run) ? 'Reading back …' : 'Read both sides back'}
    </Button>
  );
}

function Cancel({ run }: { run: MigrationRun }) {
  const act = useRunAction();
  return (
    <Confirm
      trigger={<Button look="quiet">Cancel</Button>}
      title="Cancel this run?"
      consequences={[
        run.counts.done === 0
          ? 'Nothing was moved yet.'
          : `${datasetCount(run.counts.done)} moved so far stay in S3, proved and in use.`,
        'What was begun and is not finished is removed from S3. The sources are untouched.',
        'A cancelled run cannot go on. Plan a new one for the rest; what is done is not copied again.',
      ]}
      action="Cancel the run"
      busy="Cancelling …"
      onConfirm={() => act(run.id, 'cancel')}
    />
  );
}

function RollBack({ run }: { run: MigrationRun }) {
  const act = useRunAction();
  return (
    <Confirm
      trigger={<Button look="danger">Roll back</Button>}
      title="Take the copies of this run out of use?"
      consequences={[
        `Reads of ${datasetCount(run.counts.done)} return to the base store at once.`,
        'The copies stay in S3. Only the command line removes them, and only while another copy is proved.',
        'To use them again, run the migration again: what lies there is read back, not sent again.',
      ]}
      action="Roll back"
      busy="Rolling back …"
      onConfirm={() => act(run.id, 'rollback')}
    />
  );
}
