import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useLocation } from 'wouter';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { DoctorReport, ProviderDescription, SecretProvider, SecretsOverview } from '../shared/api/types.ts';
import { formatCount } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';
import { Confirm } from '../shared/ui/confirm.tsx';
import { useToast } from '../shared/ui/toast.tsx';
import { DatasetLinks } from './usage.tsx';

/** Tests what is stored; the report then stands in the overview. */
export function RetestSecret({ provider }: { provider: SecretProvider }) {
  const queries = useQueryClient();
  const say = useToast();
  const test = useMutation({
    mutationFn: () => api<{ report: DoctorReport }>(`/api/secrets/${provider}/test`, { method: 'POST' }),
    onSuccess: ({ report }) => say({ text: report.summary, tone: report.status === 'ok' ? 'good' : 'bad' }),
    onError: (error) => say({ text: error.message, tone: 'bad' }),
    onSettled: () => void queries.invalidateQueries({ queryKey: ['secrets'] }),
  });
  return (
    <Button disabled={test.isPending} onClick={() => test.mutate()}>
      {test.isPending ? 'Testing …' : 'Test now'}
    </Button>
  );
}

export function DeleteSecret({ provider, overview }: { provider: ProviderDescription; overview: SecretsOverview }) {
  const queries = useQueryClient();
  const say = useToast();
  const [, navigate] = useLocation();
  const { replica_count: copies, sole_copy_count: sole, sole_copies } = overview.usage;
  const isAws = provider.id === 'aws';
  const remove = async () => {
    try {
      await api(`/api/secrets/${provider.id}`, { method: 'DELETE' });
    } catch (error) {
      if (error instanceof ApiProblem) void queries.invalidateQueries({ queryKey: ['secrets'] });
      throw error;
    }
    await queries.invalidateQueries({ queryKey: ['secrets'] });
    say({ text: `The ${provider.title} secret was deleted.` });
    navigate('/secrets');
  };
  return (
    <Confirm
      trigger={<Button look="danger">Delete</Button>}
      title={`Delete the ${provider.title} secret?`}
      action="Delete secret"
      busy="Deleting …"
      consequences={[
        'All versions of it are erased here. The key itself goes on existing at the provider: revoke it there.',
        ...(isAws ? [consequenceForCopies(copies, sole)] : ['Jobs that need it cannot be started any more.']),
        'This cannot be undone; you can store a key again.',
      ]}
      onConfirm={remove}
    >
      {isAws && <DatasetLinks datasets={sole_copies} />}
    </Confirm>
  );
}

function consequenceForCopies(copies: number, sole: number): string {
  if (sole > 0) {
    return `${formatCount(sole)} ${sole === 1 ? 'dataset has its' : 'datasets have their'} only copy in this bucket: as long as that is so, deleting is refused.`;
  }
  if (copies === 0) return 'No dataset has a copy in its bucket.';
  return `${formatCount(copies)} ${copies === 1 ? 'copy' : 'copies'} in your bucket cannot be read or verified any more; the objects stay there.`;
}
