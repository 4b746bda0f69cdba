-- Longshore, first schema. Additive: every statement may meet an existing training_datasets table and leaves its rows alone.
-- Everything that decides what is signed or deleted lives in schema longshore, which PostgREST does not expose.

create schema if not exists longshore;

create table if not exists public.training_datasets (
  id text primary key,
  user_id text not null,
  name text not null,
  description text,
  format text not null,
  file_size_bytes bigint,
  total_examples integer,
  avg_input_length real,
  avg_output_length real,
  storage_path text not null,
  metadata jsonb,
  created_at timestamptz(3) default now()
);

alter table public.training_datasets
  add column if not exists kind text,
  -- Rows from before Longshore were only ever written when complete.
  add column if not exists status text not null default 'ready',
  add column if not exists storage_provider text,
  add column if not exists content_sha256 text,
  add column if not exists object_sha256 text,
  add column if not exists source_sha256 text,
  add column if not exists original_size_bytes bigint,
  add column if not exists content_size_bytes bigint,
  add column if not exists block_index jsonb,
  -- Fencing: every state write names the attempt it belongs to; a process that lost its lease changes nothing.
  add column if not exists attempt integer not null default 0,
  add column if not exists updated_at timestamptz(3) not null default now(),
  add column if not exists deleted_at timestamptz(3);

create index if not exists training_datasets_user_created
  on public.training_datasets (user_id, created_at desc, id desc) where deleted_at is null;
create index if not exists training_datasets_unsettled
  on public.training_datasets (status, updated_at) where status <> 'ready' or deleted_at is not null;

-- One row: who this installation is. Objects carry the id, so that a foreign object is never taken for our own.
create table longshore.installation (
  singleton boolean primary key default true check (singleton),
  id text not null,
  created_at timestamptz(3) not null default now()
);

create table longshore.users (
  id text primary key,
  name text not null,
  role text not null default 'member' check (role in ('admin', 'member')),
  created_at timestamptz(3) not null default now(),
  disabled_at timestamptz(3)
);
create unique index users_name on longshore.users (lower(name));

-- Keys and session tokens are 256 random bits; only their SHA-256 is kept.
create table longshore.api_keys (
  id text primary key,
  user_id text not null references longshore.users (id) on delete cascade,
  name text not null,
  key_sha256 text not null unique,
  last_four text not null,
  created_at timestamptz(3) not null default now(),
  last_used_at timestamptz(3),
  expires_at timestamptz(3),
  revoked_at timestamptz(3)
);
create index api_keys_user on longshore.api_keys (user_id, created_at desc);

create table longshore.sessions (
  token_sha256 text primary key,
  user_id text not null references longshore.users (id) on delete cascade,
  api_key_id text references longshore.api_keys (id) on delete cascade,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null
);

-- Versions of a user's credentials. A row is never overwritten; a new version is used only after the doctor passed it.
create table longshore.secrets (
  id text primary key,
  user_id text not null,
  provider text not null check (provider in ('aws', 'lambda', 'runpod', 'huggingface')),
  version integer not null,
  state text not null check (state in ('untested', 'active', 'superseded', 'failed', 'deleted')),
  -- AES-256-GCM under a data key wrapped by the master key `key_id`; user, provider and version are the associated data.
  ciphertext bytea,
  wrapped_key bytea,
  key_id text,
  last_four text,
  public_metadata jsonb not null default '{}',
  test_report jsonb,
  tested_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  unique (user_id, provider, version)
);
create unique index secrets_one_active on longshore.secrets (user_id, provider) where state = 'active';

create table longshore.dataset_replicas (
  id text primary key,
  dataset_id text not null,
  user_id text not null,
  provider text not null check (provider in ('s3', 'supabase', 'filesystem')),
  endpoint text,
  region text,
  bucket text not null,
  object_key text not null,
  generation integer not null default 0,
  version_id text,
  -- The secret version that reaches this replica; null for the installation's own credentials.
  secret_id text references longshore.secrets (id),
  state text not null check (state in ('pending', 'completed', 'failed', 'missing', 'corrupt', 'deleting')),
  attempt integer not null default 0,
  preferred boolean not null default true,
  size_bytes bigint,
  object_sha256 text,
  -- What another process needs to go on with, or give up, an unfinished upload. Holds no secret.
  upload_state jsonb,
  error_code text,
  error_message text,
  -- completed: the store acknowledged. verified: read back with an equal hash. Two different things.
  completed_at timestamptz(3),
  verified_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create unique index dataset_replicas_address
  on longshore.dataset_replicas (provider, coalesce(endpoint, ''), bucket, object_key);
create index dataset_replicas_dataset on longshore.dataset_replicas (dataset_id);
create index dataset_replicas_unsettled on longshore.dataset_replicas (state, updated_at) where state <> 'completed';
create index dataset_replicas_scrub on longshore.dataset_replicas (verified_at nulls first) where state = 'completed';
create index dataset_replicas_secret on longshore.dataset_replicas (secret_id) where secret_id is not null;

-- Local files that hold a compressed dataset until every placed replica was read back. Only `host_id` may touch its file.
create table longshore.spools (
  dataset_id text primary key,
  user_id text not null,
  host_id text not null,
  file_name text not null,
  size_bytes bigint not null,
  object_sha256 text not null,
  attempt integer not null,
  -- The process that works on it; null when nobody does. It is dead as soon as its lock in the spool directory is free.
  lease_owner text,
  lease_until timestamptz(3) not null,
  created_at timestamptz(3) not null default now()
);
create index spools_host on longshore.spools (host_id, lease_until);

create table longshore.dataset_reports (
  dataset_id text primary key,
  user_id text not null,
  report jsonb not null,
  created_at timestamptz(3) not null default now()
);

-- Addresses at which a late completion may still leave an object: looked at, and cleaned, after the longest request.
create table longshore.tombstones (
  id text primary key,
  dataset_id text not null,
  user_id text not null,
  provider text not null,
  endpoint text,
  region text,
  bucket text not null,
  object_key text not null,
  secret_id text,
  upload_state jsonb,
  reason text not null,
  check_after timestamptz(3) not null,
  checks integer not null default 0,
  created_at timestamptz(3) not null default now(),
  done_at timestamptz(3)
);
create index tombstones_open on longshore.tombstones (check_after) where done_at is null;

create table longshore.phases (
  id integer generated always as identity primary key,
  phase text not null check (phase in ('base_only', 'dual_write', 'hybrid_read', 's3_primary')),
  entered_at timestamptz(3) not null default now(),
  actor text not null,
  forced boolean not null default false,
  reason text,
  gates jsonb
);
-- The row that a create share-locks and a phase change locks: no dataset commits under a phase that is being left.
create table longshore.current_phase (
  singleton boolean primary key default true check (singleton),
  phase_id integer not null references longshore.phases (id)
);
with first as (
  insert into longshore.phases (phase, actor, reason) values ('base_only', 'installation', 'first start') returning id
)
insert into longshore.current_phase (phase_id) select id from first;

create table longshore.jobs (
  id text primary key,
  type text not null,
  payload jsonb not null default '{}',
  user_id text,
  dedupe_key text,
  state text not null default 'queued' check (state in ('queued', 'running', 'completed', 'failed', 'cancelled')),
  priority integer not null default 0,
  run_at timestamptz(3) not null default now(),
  attempts integer not null default 0,
  max_attempts integer not null default 10,
  -- Grows with every claim: a runner whose lease was taken over cannot write any more.
  fence integer not null default 0,
  lease_owner text,
  lease_until timestamptz(3),
  cancel_requested boolean not null default false,
  -- Wanted once more while it was running: what it had already read may have changed since.
  run_again boolean not null default false,
  progress jsonb,
  result jsonb,
  error jsonb,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now(),
  finished_at timestamptz(3)
);
create unique index jobs_dedupe on longshore.jobs (dedupe_key) where state in ('queued', 'running');
create index jobs_due on longshore.jobs (type, priority desc, run_at, id) where state = 'queued';
create index jobs_leases on longshore.jobs (lease_until) where state = 'running';
create index jobs_finished on longshore.jobs (finished_at) where finished_at is not null;
create index jobs_user on longshore.jobs (user_id, id desc) where user_id is not null;

create table longshore.schedules (
  name text primary key,
  job_type text not null,
  payload jsonb not null default '{}',
  every_ms bigint not null,
  next_run_at timestamptz(3) not null,
  last_run_at timestamptz(3)
);

-- The durable answer of a TUS upload: survives restarts and lost responses.
create table longshore.uploads (
  id text primary key,
  user_id text not null,
  host_id text not null,
  status text not null check (status in ('receiving', 'processing', 'ready', 'failed', 'expired')),
  size_bytes bigint,
  name text,
  description text,
  format text,
  -- What the client said at creation, given back to HEAD.
  metadata jsonb,
  -- Set by the transaction that makes the dataset's row: from then on the dataset's own janitor finishes the work.
  dataset_id text,
  problem jsonb,
  lease_owner text,
  lease_until timestamptz(3),
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index uploads_user on longshore.uploads (user_id, created_at desc);
create index uploads_unsettled on longshore.uploads (updated_at) where status in ('receiving', 'processing');

create table longshore.idempotency_keys (
  user_id text not null,
  key text not null,
  -- Hash of parameters and body; null until the body has been read.
  request_sha256 text,
  dataset_id text,
  status_code integer,
  response jsonb,
  -- While there is no dataset yet: the process that reads the request. A dead one's key is free again.
  lease_owner text,
  lease_until timestamptz(3),
  created_at timestamptz(3) not null default now(),
  primary key (user_id, key)
);
create index idempotency_keys_age on longshore.idempotency_keys (created_at);

create table longshore.audit_log (
  id bigint generated always as identity primary key,
  at timestamptz(3) not null default now(),
  user_id text,
  actor text not null,
  action text not null,
  subject text,
  request_id text,
  details jsonb
);
create index audit_log_user on longshore.audit_log (user_id, id desc);

-- Supabase: a signed-in user may read the own dataset rows and write nothing that decides what is signed.
-- Where there is no `authenticated` role (embedded or plain Postgres) there is nobody to grant to.
do $$
begin
  if exists (select 1 from pg_roles where rolname = 'authenticated')
     and exists (select 1 from pg_namespace where nspname = 'auth') then
    alter table public.training_datasets enable row level security;
    if not exists (
      select 1 from pg_policies
      where schemaname = 'public' and tablename = 'training_datasets' and policyname = 'longshore_read_own'
    ) then
      execute 'create policy longshore_read_own on public.training_datasets for select to authenticated
               using (user_id::text = auth.uid()::text)';
    end if;
    -- All, because TRUNCATE asks no policy. Supabase grants everything on new tables to both roles.
    revoke all on public.training_datasets from authenticated;
    if exists (select 1 from pg_roles where rolname = 'anon') then
      revoke all on public.training_datasets from anon;
    end if;
    grant select on public.training_datasets to authenticated;
    grant update (name, description) on public.training_datasets to authenticated;
    if not exists (
      select 1 from pg_policies
      where schemaname = 'public' and tablename = 'training_datasets' and policyname = 'longshore_rename_own'
    ) then
      execute 'create policy longshore_rename_own on public.training_datasets for update to authenticated
               using (user_id::text = auth.uid()::text) with check (user_id::text = auth.uid()::text)';
    end if;
    revoke all on schema longshore from authenticated;
  end if;
end
$$;
