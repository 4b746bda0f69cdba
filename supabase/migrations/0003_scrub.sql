-- Re-reading every copy on a schedule: what a run has done, and which process reads which copy now.

create table longshore.scrub_runs (
  id text primary key,
  -- Whose copies; null: everybody's.
  user_id text,
  requested_by text not null,
  -- Copies that were last read back before this are read again.
  read_before timestamptz(3) not null,
  -- Copies whose store could not be asked are tried again when that was before this.
  retry_before timestamptz(3) not null,
  total_replicas integer not null,
  total_bytes bigint not null,
  checked_replicas integer not null default 0,
  checked_bytes bigint not null default 0,
  same integer not null default 0,
  missing integer not null default 0,
  corrupt integer not null default 0,
  errors integer not null default 0,
  started_at timestamptz(3) not null default now(),
  finished_at timestamptz(3)
);
-- One run of a kind at a time: a second wish joins it.
create unique index scrub_runs_open on longshore.scrub_runs (coalesce(user_id, '')) where finished_at is null;
create index scrub_runs_started on longshore.scrub_runs (started_at desc);

-- What a run found that is not as it should be.
create table longshore.scrub_findings (
  id bigint generated always as identity primary key,
  run_id text not null references longshore.scrub_runs (id) on delete cascade,
  user_id text not null,
  dataset_id text not null,
  provider text not null,
  bucket text not null,
  object_key text not null,
  outcome text not null check (outcome in ('missing', 'corrupt', 'error')),
  error_code text,
  at timestamptz(3) not null default now()
);
create index scrub_findings_run on longshore.scrub_findings (run_id, id desc);

-- Who reads a copy at the moment, and when one was last looked at, whatever came out.
create table longshore.scrub_marks (
  replica_id text primary key,
  looked_at timestamptz(3),
  -- The store could not be asked: nothing is known then.
  failed boolean not null default false,
  lease_owner text,
  lease_until timestamptz(3)
);

-- When the bandwidth that is spoken for ends: all processes of the installation share one budget.
create table longshore.scrub_pace (
  singleton boolean primary key default true check (singleton),
  free_at timestamptz(3) not null
);
