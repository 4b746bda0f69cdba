-- Training jobs: what was asked for, who works on it, and what it said.

create table longshore.training_jobs (
  id text primary key,
  user_id text not null,
  dataset_id text not null,
  -- The bytes that the job trains on, whatever happens to the dataset's copies.
  content_sha256 text not null,
  target text not null check (target in ('local', 'runpod', 'lambda', 'sagemaker')),
  config jsonb not null default '{}',
  state text not null default 'pending'
    check (state in ('pending', 'starting', 'fetching', 'running', 'completed', 'failed', 'cancelled')),
  -- Fencing: grows with every new start. Tokens name it, so a worker of an earlier attempt changes nothing.
  attempt integer not null default 1,
  max_attempts integer not null default 1,
  -- How long a worker may be silent, a start may take, and a run may last.
  heartbeat_timeout_ms bigint not null,
  start_timeout_ms bigint not null,
  run_timeout_ms bigint,
  -- What the worker is doing now, in its own words, and how far it is.
  stage text,
  progress jsonb,
  -- { code, message, hint, stage } of the last failure.
  error jsonb,
  -- The machine that a provider rents out for it: { provider, id, region, console_url, state, ... }. Holds no secret.
  remote jsonb,
  claimed_by text,
  -- Nodes of a job on several machines that are done, by number.
  shards jsonb not null default '{}',
  -- The last report of each worker that was taken in, so that a repeated one changes nothing.
  report_seqs jsonb not null default '{}',
  log_bytes bigint not null default 0,
  metric_points integer not null default 0,
  -- Bytes reported in the current window of time, for the limit on the rate.
  rate_window_at timestamptz(3),
  rate_bytes bigint not null default 0,
  -- How often a worker said that a copy was bad: each costs a read of the whole copy.
  copy_reports integer not null default 0,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  -- Of this attempt.
  attempt_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  heartbeat_at timestamptz(3),
  finished_at timestamptz(3)
);
create index training_jobs_user on longshore.training_jobs (user_id, id desc);
create index training_jobs_waiting on longshore.training_jobs (user_id, id) where state = 'pending' and target = 'local';
create index training_jobs_open on longshore.training_jobs (id) where finished_at is null;
create index training_jobs_dataset on longshore.training_jobs (dataset_id);

-- Written under the lock of the job's row, so that ids of one job are committed in their order: who has read up to an id
-- has missed nothing.
create table longshore.training_job_events (
  id bigint generated always as identity primary key,
  job_id text not null references longshore.training_jobs (id) on delete cascade,
  at timestamptz(3) not null default now(),
  attempt integer not null,
  kind text not null check (kind in ('log', 'metric', 'state', 'stage')),
  data jsonb not null
);
create index training_job_events_job on longshore.training_job_events (job_id, id);
