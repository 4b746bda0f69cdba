import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes, formatCount } from '@/lib/format.ts';
import type { RemovalView } from '@/lib/http/removal-views.ts';
import type { ApiClient } from '../api-client.ts';
import type { CliContext } from '../context.ts';
import { printJson, printLine, type Terminal } from '../output/terminal.ts';

export type { EntryView, RemovalView } from '@/lib/http/removal-views.ts';

export const REMOVALS = '/api/storage/removals';
const POLL_MS = 500;

/** Makes a list and waits until its proofs are read. */
export async function makeRemoval(
  context: CliContext,
  client: ApiClient,
  wanted: { kind: 'purge_base' } | { kind: 'rollback'; run_id: string },
): Promise<RemovalView> {
  const { removal } = await client.json<{ removal: RemovalView }>(REMOVALS, { method: 'POST', json: wanted });
  return settled(context, client, removal, 'listing');
}

/** Applies a list and waits until every copy has gone, or was refused. */
export async function applyRemoval(context: CliContext, client: ApiClient, id: string): Promise<RemovalView> {
  const { removal } = await client.json<{ removal: RemovalView }>(`${REMOVALS}/${id}/apply`, { method: 'POST' });
  return settled(context, client, removal, 'applying');
}

async function settled(
  { signal }: CliContext,
  client: ApiClient,
  begun: RemovalView,
  state: RemovalView['state'],
): Promise<RemovalView> {
  let removal = begun;
  while (removal.state === state) {
    await sleep(POLL_MS, undefined, { signal });
    removal = (await client.json<{ removal: RemovalView }>(`${REMOVALS}/${begun.id}`)).removal;
  }
  return removal;
}

export function printRemoval(terminal: Terminal, removal: RemovalView, applyWith: string): void {
  if (terminal.json) {
    printJson(terminal, { removal });
    return;
  }
  const { listed, refused, removed } = removal.counts;
  printLine(terminal, `${removal.id}  ${removal.state}  ${formatBytes(removal.bytes)}`);
  if (listed > 0) printLine(terminal, `  ${formatCount(listed)} copies may go: another one of each was read back`);
  if (removed > 0) printLine(terminal, `  ${formatCount(removed)} copies were let go`);
  if (refused > 0) printLine(terminal, `  ${formatCount(refused)} stay: no other copy proved itself`);
  if (removal.state === 'listed' && listed > 0) {
    printLine(terminal, `Nothing was removed. From ${removal.not_before} on, apply it with: ${applyWith}`);
  }
}
