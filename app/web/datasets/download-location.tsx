import { useQuery } from '@tanstack/react-query';
import { api } from '../shared/api/client.ts';
import type { Dataset, DownloadLocation, ServingCopy } from '../shared/api/types.ts';
import { Note } from '../shared/ui/states.tsx';
import { providerName } from './copy-badges.tsx';

const HOUR_SECONDS = 3600;

/** An address from the copy that answers now, made for somebody who asked for one: that is written down. */
export function useDownloadLocation({ id }: Dataset) {
  return useQuery({
    queryKey: ['download-url', id],
    queryFn: ({ signal }) =>
      api<DownloadLocation>(`/api/training/dataset/${id}/download-url`, {
        query: { expires_in: HOUR_SECONDS },
        signal,
      }),
    staleTime: 0,
    gcTime: 0,
  });
}

/** Which copy answers now; asked again when a copy changes. */
export function useServingCopy({ id, status, replicas }: Dataset) {
  const copies = replicas.map(({ key, state }) => `${key} ${state}`).join();
  return useQuery({
    queryKey: ['serving', id, copies],
    queryFn: ({ signal }) => api<ServingCopy>(`/api/training/dataset/${id}/serving`, { signal }),
    enabled: status === 'ready',
    staleTime: 0,
  });
}

const WHY: Readonly<Record<string, string>> = {
  missing: 'it is missing',
  corrupt: 'it is damaged',
  failed: 'it could not be written',
  pending: 'it is still being written',
  slow: 'it was slow to answer',
  timeout: 'it was slow to answer',
  unavailable: 'its store does not answer',
  unauthorized: 'its store refuses the credentials',
  forbidden: 'its store refuses the credentials',
  rate_limited: 'its store asks for fewer requests',
  unknown: 'its store is not known here',
};

/** Why a download does not come from the copy that the phase prefers; nothing when it does. */
export function PassedOver({ copy: { fallback_reason: reason } }: { copy: ServingCopy }) {
  if (reason === undefined) return null;
  const [provider = '', ...words] = reason.split('_');
  const why = words.join('_');
  return (
    <Note tone="warn">
      The copy in {nameOf(provider)} was passed over: {WHY[why] ?? why.replaceAll('_', ' ')}. This is another good one.
    </Note>
  );
}

function nameOf(provider: string): string {
  return provider === 's3' || provider === 'supabase' || provider === 'filesystem' ? providerName(provider) : provider;
}
