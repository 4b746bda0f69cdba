import type { AdoptionRepository } from '@/lib/migration/adopt/adoption-repository.ts';

/** How far an adoption is, as the API says it. */
export interface AdoptionStatus {
  /** Null until `adopt --apply` ran. */
  applied_at: string | null;
  compared_at: string | null;
  datasets: { total: number; adopted: number; refused: number; waiting: number; missing: number };
  /** The first reading of every adopted dataset, in the background. */
  inspection: { datasets: number; of_datasets: number; bytes: number; of_bytes: number };
  s3_copies_waiting: number;
  problems: Record<string, number>;
}

export async function adoptionStatus(repository: AdoptionRepository): Promise<AdoptionStatus> {
  const [row, counts, problems] = [
    await repository.find(),
    await repository.counts(),
    await repository.problemCounts(),
  ];
  const { total, adopted, refused, waiting, missing, inspected, bytes, inspectedBytes, s3Waiting } = counts;
  return {
    applied_at: row?.appliedAt.toISOString() ?? null,
    compared_at: row?.comparedAt?.toISOString() ?? null,
    datasets: { total, adopted, refused, waiting, missing },
    inspection: { datasets: inspected, of_datasets: adopted, bytes: inspectedBytes, of_bytes: bytes },
    s3_copies_waiting: s3Waiting,
    problems,
  };
}
