/**
 * What the API answers, as types: the one description that the page, the command line and the tests share. Types only, so
 * that whoever imports them takes no code of the server along.
 */
import type { z } from 'zod';
import type { DatasetJson, ReplicaJson } from '@/lib/datasets/dataset.ts';
import type { CheckedReplica } from '@/lib/datasets/dataset-service.ts';
import type { auditView, keyView, userView } from '@/lib/http/account-views.ts';
import type { estimateView } from '@/lib/http/adoption-views.ts';
import type { ItemView, RunView } from '@/lib/http/migration-views.ts';
import type { policiesView } from '@/lib/http/secret-requests.ts';
import type { storageHistoryView } from '@/lib/http/storage-history-view.ts';
import type { orphanPageView, scrubStatusView } from '@/lib/http/storage-requests.ts';
import type { phaseView, storageStatusView } from '@/lib/http/storage-views.ts';
import type { systemView } from '@/lib/http/system-view.ts';
import type { CheckResult, DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { ProviderDescription, ProviderField } from '@/lib/secrets/providers/provider-registry.ts';
import type { SecretProvider, SecretState, SecretUsageView, SecretView } from '@/lib/secrets/secrets.types.ts';
import type { Offer } from '@/lib/training/deploy-targets/deploy-target.ts';
import type { PreflightReport } from '@/lib/training/deploy-targets/preflight-check.ts';
import type {
  JobError,
  RemoteResource,
  TrainingEventKind,
  TrainingJobState,
  TrainingTarget,
} from '@/lib/training/jobs/training-job.ts';

export type {
  CheckedReplica,
  CheckResult,
  DoctorReport,
  ProviderDescription,
  ProviderField,
  SecretProvider,
  SecretState,
  SecretUsageView,
  SecretView,
};

export type Dataset = DatasetJson;
export type Replica = ReplicaJson;

export interface DatasetPage {
  datasets: Dataset[];
  next_cursor: string | null;
}

export interface Preview {
  examples: unknown[];
  total: number;
  offset: number;
  limit: number;
}

export interface DownloadLocation {
  url: string;
  token: string;
  expires_at: string;
  provider: Replica['provider'];
  fallback_reason?: string;
}

/** Which copy a download would read now. */
export type ServingCopy = Pick<DownloadLocation, 'provider' | 'fallback_reason'>;

export type AwsPolicies = z.infer<typeof policiesView>;

export interface SecretsOverview {
  secrets: SecretView[];
  usage: SecretUsageView;
  providers: ProviderDescription[];
  aws: AwsPolicies;
}

export type User = z.infer<typeof userView>;
export type ApiKey = z.infer<typeof keyView>;
export type AuditEntry = z.infer<typeof auditView>;
export type SystemState = z.infer<typeof systemView>;

export type PhaseState = z.infer<typeof phaseView>;
export type StorageState = z.infer<typeof storageStatusView>;
export type StorageSample = z.infer<typeof storageHistoryView>['samples'][number];
export type MoveEstimate = z.infer<typeof estimateView>;
export type MigrationRun = RunView;
export type MigrationItem = ItemView;
export type ScrubState = z.infer<typeof scrubStatusView>;
export type OrphanPage = z.infer<typeof orphanPageView>;

export type { TrainingEventKind, TrainingJobState, TrainingTarget };

export interface TrainingJob {
  id: string;
  dataset_id: string;
  content_sha256: string;
  target: TrainingTarget;
  config: { command?: string | string[]; hyperparameters?: Record<string, unknown>; [option: string]: unknown };
  state: TrainingJobState;
  attempt: number;
  max_attempts: number;
  stage: string | null;
  progress: Record<string, unknown> | null;
  error: JobError | null;
  remote: RemoteResource | null;
  claimed_by: string | null;
  log_bytes: number;
  metric_points: number;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  heartbeat_at: string | null;
  finished_at: string | null;
}

export interface TrainingJobPage {
  jobs: TrainingJob[];
  next_cursor: string | null;
}

/** One thing that a job said: `log` holds `stream` and `text`, `metric` holds `values`, `state` holds `from` and `to`. */
export interface TrainingJobEvent {
  id: number;
  at: string;
  attempt: number;
  kind: TrainingEventKind;
  data: Record<string, unknown>;
}

export type TrainingPreflight = PreflightReport;

/** What would be looked at and sent. `plan` is null where what is missing keeps it from being written down. */
export interface TrainingDryRun {
  dry_run: true;
  preflight: TrainingPreflight;
  plan: {
    name: string;
    requests: { method: string; url: string; headers: Record<string, string>; body: unknown }[];
    notes: string[];
  } | null;
}

/** A job's machine, as its provider tells it now. */
export interface TrainingMachine {
  phase: string;
  state: string;
  reason: string | null;
  usd_per_hour: number | null;
}

export type MachineOffer = Omit<Offer, 'gpuMemoryGb' | 'usdPerHour'> & {
  gpu_memory_gb: number | null;
  usd_per_hour: number | null;
};

/** Where a file is wrong, or worth a look. */
export interface FileFinding {
  line: number | null;
  record: number | null;
  path: string | null;
  code: string;
  message: string;
  hint: string | null;
  excerpt?: string | null;
}

/** A refusal: RFC 9457 with a stable `code`. */
export interface Problem {
  code: string;
  status: number;
  title?: string;
  detail: string;
  hint?: string;
  request_id?: string;
  errors?: FileFinding[];
  /** All that were found, where `errors` lists the first. */
  errors_total?: number;
  /** Of a credential test that failed. */
  report?: DoctorReport;
  /** Whose only copies would be lost, at most 100 of `dataset_count`. */
  datasets?: { id: string; name: string }[];
  dataset_count?: number;
}
