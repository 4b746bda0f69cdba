import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { TrainingJob } from '../shared/api/types.ts';
import { Button, LinkButton } from '../shared/ui/button.tsx';
import { Confirm } from '../shared/ui/confirm.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { isOver } from './job-words.ts';

export function JobActions({ job }: { job: TrainingJob }) {
  if (!isOver(job.state)) return <Cancel job={job} />;
  const again = new URLSearchParams({ new: '1', dataset: job.dataset_id, target: job.target });
  return (
    <>
      {job.target === 'local' && job.state !== 'completed' && <Retry job={job} />}
      <LinkButton href={`/training?${again}`}>New job like this</LinkButton>
    </>
  );
}

function useRefresh(): () => Promise<unknown> {
  const queries = useQueryClient();
  return () => Promise.all(['job', 'jobs'].map((name) => queries.invalidateQueries({ queryKey: [name] })));
}

function Cancel({ job }: { job: TrainingJob }) {
  const refresh = useRefresh();
  const say = useToast();
  const cancel = async () => {
    await api(`/api/training/jobs/${job.id}/cancel`, { method: 'POST' });
    await refresh();
    say({ text: 'The job was cancelled.' });
  };
  return (
    <Confirm
      trigger={<Button look="danger">Cancel job</Button>}
      title="Cancel this job?"
      action="Cancel this job"
      busy="Cancelling …"
      consequences={[
        'The job ends at once; its worker stops the command when it next speaks.',
        job.target === 'local'
          ? 'What the command wrote so far stays on the worker’s disk.'
          : 'The rented machine is ended, and what is on its disk is lost. The provider is asked until it is gone.',
        job.target === 'local' ? 'It can be begun again, from its start.' : 'It cannot be begun again; a new job can.',
      ]}
      onConfirm={cancel}
    />
  );
}

/** Only one's own machines: a rented one costs money, so a new job asks anew. */
function Retry({ job }: { job: TrainingJob }) {
  const refresh = useRefresh();
  const say = useToast();
  const retry = useMutation({
    mutationFn: () => api(`/api/training/jobs/${job.id}/retry`, { method: 'POST' }),
    onSuccess: async () => {
      await refresh();
      say({ text: 'The job waits for a worker again.' });
    },
    onError: (error) => say({ text: error.message, tone: 'bad' }),
  });
  return (
    <Button look="primary" disabled={retry.isPending} onClick={() => retry.mutate()}>
      Retry
    </Button>
  );
}
