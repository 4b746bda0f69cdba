import { useQueryClient } from '@tanstack/react-query';
import { api } from '../../shared/api/client.ts';
import { formatBytes } from '../../shared/format.ts';
import { Button } from '../../shared/ui/button.tsx';
import { Confirm } from '../../shared/ui/confirm.tsx';
import { useToast } from '../../shared/ui/toast.tsx';
import { type Orphan, VERDICTS } from './orphan-words.ts';

function useOrphanAction(orphan: Orphan): (action: 'adopt' | 'remove') => Promise<void> {
  const queries = useQueryClient();
  const say = useToast();
  return async (action) => {
    const { store, key, verdict } = orphan;
    const json = { action, store, key, restorable: action === 'remove' && verdict === 'restorable' };
    await api('/api/storage/orphans', { method: 'POST', json });
    say({ text: action === 'adopt' ? 'It is a copy of its dataset again.' : 'Removed.' });
    await Promise.all(['orphans', 'storage'].map((name) => queries.invalidateQueries({ queryKey: [name] })));
  };
}

/** What the verdict allows; the server looks at the object afresh and may refuse. */
export function OrphanActions({ orphan }: { orphan: Orphan }) {
  const { adopt, remove } = VERDICTS[orphan.verdict];
  if (adopt) return <Adopt orphan={orphan} />;
  return remove ? <Remove orphan={orphan} /> : null;
}

function Adopt({ orphan }: { orphan: Orphan }) {
  const act = useOrphanAction(orphan);
  return (
    <Confirm
      trigger={<Button>Adopt</Button>}
      title="Take this object back?"
      consequences={[
        `Its ${formatBytes(orphan.size_bytes)} are read and hashed first.`,
        'If they are right it counts as a copy of its dataset, and may be served.',
      ]}
      action="Adopt"
      busy="Reading it …"
      look="primary"
      onConfirm={() => act('adopt')}
    />
  );
}

function Remove({ orphan }: { orphan: Orphan }) {
  const act = useOrphanAction(orphan);
  const restorable = orphan.verdict === 'restorable';
  return (
    <Confirm
      trigger={<Button look="danger">Remove</Button>}
      title="Remove this object for ever?"
      consequences={[
        <code key="key" className="text-xs break-all">
          {orphan.bucket}/{orphan.key}
        </code>,
        ...(restorable ? ['longshore rebuild could give its dataset back from it. After this it may be lost.'] : []),
        'This cannot be taken back.',
      ]}
      action="Remove"
      busy="Removing …"
      typed={restorable ? 'remove' : undefined}
      onConfirm={() => act('remove')}
    />
  );
}
