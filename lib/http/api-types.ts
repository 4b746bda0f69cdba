/**
 * What the API answers, as types: the one description that the page, the command line and the tests share. Types only, so
 * that whoever imports them takes no code of the server along.
 */
import type { z } from 'zod';
import type { DatasetJson, ReplicaJson } from '@/lib/datasets/dataset.ts';
import type { CheckedReplica } from '@/lib/datasets/dataset-service.ts';
import type { auditView, keyView, userView } from '@/lib/http/account-views.ts';
import type { policiesView } from '@/lib/http/secret-requests.ts';
import type { systemView } from '@/lib/http/system-view.ts';
import type { CheckResult, DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { ProviderDescription, ProviderField } from '@/lib/secrets/providers/provider-registry.ts';
import type { SecretProvider, SecretState, SecretUsageView, SecretView } from '@/lib/secrets/secrets.types.ts';

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
