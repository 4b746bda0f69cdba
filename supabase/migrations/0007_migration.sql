-- Moving datasets to S3: the journal of every run, item by item, and the manifests by which copies are let go.

create table longshore.migration_runs (
  id text primary key,
  state text not null
    check (state in ('planned', 'running', 'paused', 'cancelling', 'cancelled', 'completed', 'failed')),
  -- Which datasets, and how fast.
  options jsonb not null default '{}',
  actor text not null,
  -- Why the run as a whole could not go on; what is wrong with single items stands in their rows.
  error jsonb,
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  -- When its copies were last read back on both sides, and when they were taken out of the way of reads.
  checked_at timestamptz(3),
  rolled_back_at timestamptz(3),
  updated_at timestamptz(3) not null default now()
);
create index migration_runs_created on longshore.migration_runs (created_at desc, id desc);
-- One run at a time: no dataset is ever copied by two.
create unique index migration_runs_one_active on longshore.migration_runs ((true))
  where state in ('running', 'paused', 'cancelling');

create table longshore.migration_items (
  run_id text not null references longshore.migration_runs (id) on delete cascade,
  dataset_id text not null,
  user_id text not null,
  name text not null,
  state text not null
    check (state in ('pending', 'copying', 'verifying', 'done', 'skipped', 'failed', 'quarantined')),
  size_bytes bigint,
  bytes_copied bigint not null default 0,
  -- Fencing: every write names the attempt it belongs to; a process that lost its lease changes nothing.
  attempt integer not null default 0,
  lease_owner text,
  lease_until timestamptz(3),
  run_after timestamptz(3) not null default now(),
  -- Times that a store did not answer, and times that bytes differed from their first hash.
  failures integer not null default 0,
  mismatches integer not null default 0,
  source_replica_id text,
  source jsonb,
  -- Where the copy goes: the intent, written before the first byte is sent there.
  destination jsonb,
  -- What another process needs to go on with an unfinished upload. Holds no secret.
  upload_state jsonb,
  expected_sha256 text,
  source_sha256 text,
  destination_sha256 text,
  version_id text,
  -- The copy that this item made, or found in place.
  replica_id text,
  error_code text,
  error_message text,
  error_hint text,
  -- Reading both sides back after the run: = same, - missing, * differs, ! could not be read.
  check_mark text check (check_mark in ('=', '-', '*', '!')),
  check_message text,
  checked_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  started_at timestamptz(3),
  copied_at timestamptz(3),
  verified_at timestamptz(3),
  finished_at timestamptz(3),
  updated_at timestamptz(3) not null default now(),
  primary key (run_id, dataset_id)
);
create index migration_items_due on longshore.migration_items (run_id, size_bytes desc, run_after)
  where state = 'pending';
create index migration_items_leases on longshore.migration_items (run_id, lease_until)
  where state in ('copying', 'verifying');
create index migration_items_state on longshore.migration_items (run_id, state);
create index migration_items_dataset on longshore.migration_items (dataset_id);

-- Who works on a run now, and how fast: told with every sign of life.
create table longshore.migration_workers (
  run_id text not null references longshore.migration_runs (id) on delete cascade,
  owner text not null,
  seen_at timestamptz(3) not null default now(),
  bytes_per_second double precision not null default 0,
  items_per_second double precision not null default 0,
  concurrency integer not null default 0,
  primary key (run_id, owner)
);

-- A list of copies that an operator wants to let go, each with the proof that another one holds its bytes.
create table longshore.removals (
  id text primary key,
  kind text not null check (kind in ('rollback', 'purge_base')),
  run_id text,
  state text not null check (state in ('listing', 'listed', 'applying', 'applied', 'failed')),
  actor text not null,
  -- Not applied before then.
  not_before timestamptz(3),
  error jsonb,
  created_at timestamptz(3) not null default now(),
  listed_at timestamptz(3),
  applied_at timestamptz(3)
);

create table longshore.removal_entries (
  removal_id text not null references longshore.removals (id) on delete cascade,
  replica_id text not null,
  dataset_id text not null,
  user_id text not null,
  provider text not null,
  endpoint text,
  bucket text not null,
  object_key text not null,
  size_bytes bigint,
  object_sha256 text,
  -- The copy that stays, and when it was read back for this list.
  kept_replica_id text,
  kept_verified_at timestamptz(3),
  state text not null check (state in ('listed', 'refused', 'removed')),
  error_code text,
  error_message text,
  removed_at timestamptz(3),
  primary key (removal_id, replica_id)
);
create index removal_entries_state on longshore.removal_entries (removal_id, state, replica_id);
