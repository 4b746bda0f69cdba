import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { ApiProblem, api } from '../shared/api/client.ts';
import type { Dataset, TrainingJob, TrainingJobPage } from '../shared/api/types.ts';
import { isOver } from './job-words.ts';

export interface JobFilters {
  state: string;
  target: string;
}

const PAGE = 50;

/** Jobs, newest first. Events of jobs make it ask again. */
export function useJobs({ state, target }: JobFilters) {
  return useInfiniteQuery({
    queryKey: ['jobs', 'list', { state, target }],
    queryFn: ({ pageParam, signal }) =>
      api<TrainingJobPage>('/api/training/jobs', { query: { state, target, limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

const HEARD_MS = 15_000;

/** Events tell its states at once; what its worker said last is asked for now and then. */
export function useJob(id: string) {
  return useQuery({
    queryKey: ['job', id],
    queryFn: ({ signal }) =>
      api<{ job: TrainingJob }>(`/api/training/jobs/${id}`, { signal }).then((answer) => answer.job),
    refetchInterval: ({ state }) => (state.data !== undefined && !isOver(state.data.state) ? HEARD_MS : false),
  });
}

const NAME_KEPT_MS = 5 * 60_000;

/** A dataset's name; undefined while it is asked for, null where the dataset was deleted. */
export function useDatasetName(id: string): string | null | undefined {
  const found = useQuery({
    queryKey: ['dataset-name', id],
    queryFn: ({ signal }) => datasetName(id, signal),
    staleTime: NAME_KEPT_MS,
  });
  return found.data;
}

async function datasetName(id: string, signal: AbortSignal): Promise<string | null> {
  try {
    return (await api<{ dataset: Dataset }>(`/api/training/dataset/${id}`, { signal })).dataset.name;
  } catch (error) {
    if (error instanceof ApiProblem && error.problem.status === 404) return null;
    throw error;
  }
}
