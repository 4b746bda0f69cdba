import { LongshoreError } from '@/lib/errors.ts';
import type { Dataset } from '@/lib/http/api-types.ts';
import { type ApiClient, ApiError } from './api-client.ts';

/** The dataset a person means: its id, or its exact name where only one has it. */
export async function resolveDataset(client: ApiClient, reference: string): Promise<Dataset> {
  const byId = await findById(client, reference);
  if (byId !== undefined) return byId;
  const named = await findByName(client, reference);
  if (named.length === 1 && named[0] !== undefined) return named[0];
  if (named.length === 0) {
    throw new LongshoreError(
      'dataset_not_found',
      `There is no dataset with the id or name ${JSON.stringify(reference)}.`,
      {
        hint: 'See what there is with: longshore ls',
      },
    );
  }
  throw new LongshoreError(
    'dataset_name_ambiguous',
    `${named.length} datasets are called ${JSON.stringify(reference)}.`,
    {
      hint: `Say which by its id: ${named.map((dataset) => dataset.id).join(', ')}`,
    },
  );
}

async function findById(client: ApiClient, id: string): Promise<Dataset | undefined> {
  if (!/^[A-Za-z0-9_-]+$/.test(id)) return undefined;
  try {
    return (await client.json<{ dataset: Dataset }>(`/api/training/dataset/${id}`)).dataset;
  } catch (error) {
    if (error instanceof ApiError && error.problem.status === 404) return undefined;
    throw error;
  }
}

async function findByName(client: ApiClient, name: string): Promise<Dataset[]> {
  const named: Dataset[] = [];
  for await (const dataset of client.pages<Dataset>('/api/training/dataset', 'datasets', { q: name, limit: 100 })) {
    if (dataset.name === name) named.push(dataset);
    if (named.length === 10) break;
  }
  return named;
}
