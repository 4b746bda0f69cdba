/** Why an object was left alone. */
export type Refusal =
  /** It carries no signature of ours. */
  | 'unsigned'
  | 'other_installation'
  /** Signed for another user or dataset than its key says. */
  | 'wrong_place'
  /** Its dataset has other bytes. */
  | 'differs'
  /** Its bytes are not what its signature says. */
  | 'corrupt'
  /** A manifest that we did not sign, or that speaks of something else than its key. */
  | 'manifest_refused';

/** What a rebuild did, or would do. */
export interface RebuildReport {
  applied: boolean;
  installation_id: string;
  stores: { store: string; objects: number }[];
  /** Nothing is known of what lies there: run it again when they answer. */
  unreachable: { store: string; code: string }[];
  datasets: {
    /** With everything that their manifest says. */
    from_manifest: number;
    /** From the object alone: name, description and block index are lost. */
    from_object: number;
    /** Were in the database. */
    known: number;
    /** Were deleted, as far as that is still known: not restored. */
    deleted: number;
  };
  copies: { restored: number; known: number };
  refused: { store: string; key: string; reason: Refusal }[];
  /** All of them, those not listed included. */
  refused_count: number;
  /** Owners of what was restored. */
  users: string[];
}

const LISTED_REFUSALS = 1000;

export function emptyReport(applied: boolean, installationId: string): RebuildReport {
  return {
    applied,
    installation_id: installationId,
    stores: [],
    unreachable: [],
    datasets: { from_manifest: 0, from_object: 0, known: 0, deleted: 0 },
    copies: { restored: 0, known: 0 },
    refused: [],
    refused_count: 0,
    users: [],
  };
}

export function refuse(report: RebuildReport, store: string, key: string, reason: Refusal): void {
  report.refused_count += 1;
  if (report.refused.length < LISTED_REFUSALS) report.refused.push({ store, key, reason });
}
