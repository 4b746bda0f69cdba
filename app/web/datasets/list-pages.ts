import type { Dataset, DatasetPage } from '../shared/api/types.ts';

export function idsIn(pages: readonly DatasetPage[]): Set<string> {
  return new Set(pages.flatMap(({ datasets }) => datasets.map(({ id }) => id)));
}

/** The pages with what was asked for again: new content in the old places, and without what is no more. */
export function withFresh(
  pages: readonly DatasetPage[],
  asked: readonly string[],
  fresh: readonly Dataset[],
): DatasetPage[] {
  const byId = new Map(fresh.map((dataset) => [dataset.id, dataset]));
  const gone = new Set(asked.filter((id) => !byId.has(id)));
  return pages.map((page) => ({
    ...page,
    datasets: page.datasets.filter(({ id }) => !gone.has(id)).map((dataset) => byId.get(dataset.id) ?? dataset),
  }));
}
