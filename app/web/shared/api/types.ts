/** What the server answers, as the page uses it. The names are those of docs/api.md. */
export type ReplicaState = 'pending' | 'completed' | 'failed' | 'missing' | 'corrupt' | 'deleting';

export interface Replica {
  provider: 's3' | 'supabase' | 'filesystem';
  bucket: string;
  key: string;
  state: ReplicaState;
  size_bytes: number | null;
  verified_at: string | null;
  error: { code: string; message: string } | null;
}

export interface Dataset {
  id: string;
  name: string;
  description: string | null;
  format: string;
  kind: string | null;
  status: 'uploading' | 'ready' | 'failed';
  storage_provider: string | null;
  storage_path: string;
  file_size_bytes: number | null;
  original_size_bytes: number | null;
  content_size_bytes: number | null;
  total_examples: number | null;
  avg_input_length: number | null;
  avg_output_length: number | null;
  object_sha256: string | null;
  content_sha256: string | null;
  replicas: Replica[];
  metadata: Record<string, unknown> | null;
  created_at: string;
  updated_at: string;
}

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
