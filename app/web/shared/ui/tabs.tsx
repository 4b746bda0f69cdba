import { Tabs as Primitive } from 'radix-ui';
import { type ReactNode, useEffect, useRef } from 'react';
import { useUrlState } from '../url-state.ts';

export interface TabDefinition {
  id: string;
  label: ReactNode;
  /** Made when it is first shown. */
  render: () => ReactNode;
}

/** Tabs whose choice stands in the address (`?tab=`); the first is the one without it. */
export function UrlTabs({
  label,
  tabs,
  name = 'tab',
}: {
  label: string;
  tabs: readonly TabDefinition[];
  name?: string;
}) {
  const first = tabs[0]?.id ?? '';
  const [wanted, setWanted] = useUrlState(name);
  const current = tabs.find((tab) => tab.id === wanted) ?? tabs[0];
  const list = useRef<HTMLDivElement>(null);
  const shown = current?.id;
  useEffect(() => {
    if (shown !== undefined) bringIntoView(list.current);
  }, [shown]);
  return (
    <Primitive.Root value={current?.id} onValueChange={(id) => setWanted(id === first ? '' : id, { alone: true })}>
      <Primitive.List ref={list} aria-label={label} className="flex gap-1 overflow-x-auto border-b border-line">
        {tabs.map((tab) => (
          <Primitive.Trigger
            key={tab.id}
            value={tab.id}
            className="-mb-px shrink-0 cursor-pointer border-b-2 border-transparent px-3 py-2 text-sm font-medium text-muted outline-offset-[-2px] hover:text-ink data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {tab.label}
          </Primitive.Trigger>
        ))}
      </Primitive.List>
      {current !== undefined && (
        <Primitive.Content value={current.id} tabIndex={-1} className="pt-4 outline-none">
          {current.render()}
        </Primitive.Content>
      )}
    </Primitive.Root>
  );
}

/** Scrolls the row of tabs alone, never the page, so that the chosen one stands in its middle. */
function bringIntoView(list: HTMLElement | null): void {
  const chosen = list?.querySelector<HTMLElement>('[data-state="active"]');
  if (list === null || chosen === null || chosen === undefined) return;
  list.scrollLeft = chosen.offsetLeft - list.offsetLeft - (list.clientWidth - chosen.offsetWidth) / 2;
}
