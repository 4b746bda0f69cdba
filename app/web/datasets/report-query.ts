import { useQuery } from '@tanstack/react-query';
import type { IngestReport } from '@/lib/ingest/types.ts';
import { api } from '../shared/api/client.ts';

/** What ingest found; it never changes for a dataset that has one. */
export function useReport(datasetId: string) {
  return useQuery({
    queryKey: ['report', datasetId],
    queryFn: ({ signal }) =>
      api<{ report: IngestReport }>(`/api/training/dataset/${datasetId}/report`, { signal }).then(
        (answer) => answer.report,
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
