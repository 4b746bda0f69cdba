import { z } from 'zod';
import { datasetDescription, datasetName } from '@/lib/datasets/dataset-name.ts';
import { formatField } from '@/lib/http/dataset-fields.ts';

const METADATA = z.object({
  name: z.string().nullish(),
  filename: z.string().max(1000).nullish(),
  description: z.string().nullish(),
  format: formatField.nullish(),
});

/** What the metadata of a TUS upload says about its dataset. @throws ZodError, description_too_long */
export function uploadWords(metadata: Record<string, string | null>): {
  name: string;
  description: string | null;
  format: string | null;
} {
  const words = METADATA.parse(metadata);
  return {
    name: datasetName(words.name ?? undefined, words.filename ?? undefined),
    description: datasetDescription(words.description),
    format: words.format ?? null,
  };
}
