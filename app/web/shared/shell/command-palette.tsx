import { useQuery } from '@tanstack/react-query';
import { Command } from 'cmdk';
import { Database, type LucideIcon, Search } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type ReactNode, useDeferredValue, useState } from 'react';
import { useLocation } from 'wouter';
import { useSignOut } from '../../account/session.tsx';
import { PLACES } from '../../places.ts';
import { api } from '../api/client.ts';
import type { DatasetPage } from '../api/types.ts';
import { formatCount } from '../format.ts';
import { OVERLAY } from '../ui/dialog.tsx';
import { Keys } from './shortcut-help.tsx';

interface PaletteProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  onHelp: () => void;
}

const ITEM =
  'flex cursor-pointer items-center gap-2.5 rounded-md px-2.5 py-2 text-sm data-[selected=true]:bg-accent-soft data-[selected=true]:text-accent';
const GROUP =
  '[&_[cmdk-group-heading]]:px-2.5 [&_[cmdk-group-heading]]:pt-2 [&_[cmdk-group-heading]]:pb-1 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted';

/** Everything by name: places, actions, and the datasets that match. */
export default function CommandPalette({ open, onOpenChange, onHelp }: PaletteProps) {
  const [text, setText] = useState('');
  const [, navigate] = useLocation();
  const signOut = useSignOut();
  const go = (href: string) => {
    onOpenChange(false);
    navigate(href);
  };
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className={OVERLAY} />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl border border-line bg-surface shadow-2xl outline-none"
        >
          <Dialog.Title className="sr-only">Search and go anywhere</Dialog.Title>
          <Command label="Commands" loop>
            <div className="flex items-center gap-2.5 border-b border-line px-3.5">
              <Search className="size-4 shrink-0 text-muted" aria-hidden />
              <Command.Input
                value={text}
                onValueChange={setText}
                placeholder="Find a dataset, a place, an action"
                className="h-11 w-full bg-transparent text-sm outline-none placeholder:text-muted"
              />
            </div>
            <Command.List className="max-h-80 overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-6 text-center text-sm text-muted">Nothing is called so.</Command.Empty>
              <Datasets text={text} go={go} />
              <Command.Group heading="Go to" className={GROUP}>
                {PLACES.map(({ href, label, icon, key, words }) => (
                  <Item
                    key={href}
                    icon={icon}
                    value={`${label} ${words ?? ''}`}
                    keys={`g ${key}`}
                    onSelect={() => go(href)}
                  >
                    {label}
                  </Item>
                ))}
              </Command.Group>
              <Command.Group heading="Do" className={GROUP}>
                <Item value="upload a dataset file" onSelect={() => go('/datasets?upload=1')}>
                  Upload a file
                </Item>
                <Item value="api key create new" onSelect={() => go('/settings?new=key')}>
                  Make an API key
                </Item>
                <Item value="keyboard shortcuts help" keys="?" onSelect={onHelp}>
                  Keyboard shortcuts
                </Item>
                <Item value="sign out" onSelect={() => void signOut()}>
                  Sign out
                </Item>
              </Command.Group>
            </Command.List>
          </Command>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Item({
  icon: Icon,
  value,
  keys,
  onSelect,
  children,
}: {
  icon?: LucideIcon;
  value: string;
  keys?: string;
  onSelect: () => void;
  children: ReactNode;
}) {
  return (
    <Command.Item value={value} onSelect={onSelect} className={ITEM}>
      {Icon !== undefined && <Icon className="size-4 shrink-0" aria-hidden />}
      <span className="min-w-0 flex-1 truncate">{children}</span>
      {keys !== undefined && <Keys keys={keys} />}
    </Command.Item>
  );
}

const MOST = 6;

function Datasets({ text, go }: { text: string; go: (href: string) => void }) {
  const q = useDeferredValue(text.trim());
  const found = useQuery({
    queryKey: ['datasets', 'palette', q],
    queryFn: ({ signal }) => api<DatasetPage>('/api/training/dataset', { query: { q, limit: MOST }, signal }),
    enabled: q.length > 1,
    placeholderData: (before) => before,
  });
  const datasets = q.length > 1 ? (found.data?.datasets ?? []) : [];
  if (datasets.length === 0) return null;
  return (
    <Command.Group heading="Datasets" className={GROUP}>
      {datasets.map((dataset) => (
        // What matched on the server may be the description: the text goes along so that nothing is filtered out here.
        <Item
          key={dataset.id}
          icon={Database}
          value={`${dataset.name} ${q} ${dataset.id}`}
          onSelect={() => go(`/datasets/${dataset.id}`)}
        >
          {dataset.name} <span className="tabular text-muted">{formatCount(dataset.total_examples)}</span>
        </Item>
      ))}
    </Command.Group>
  );
}
