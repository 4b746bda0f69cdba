-- Lists of a hundred thousand datasets: every order of lib/datasets/list-order.ts has its index, written as it is asked
-- there, so that any page of any order reads as many rows as it shows.
create index if not exists training_datasets_list_created
  on public.training_datasets (user_id, coalesce(created_at, 'infinity'), id) where deleted_at is null;
create index if not exists training_datasets_list_name
  on public.training_datasets (user_id, left(lower(name), 200), id) where deleted_at is null;
create index if not exists training_datasets_list_examples
  on public.training_datasets (user_id, (coalesce(total_examples, -1)::bigint), id) where deleted_at is null;
create index if not exists training_datasets_list_size
  on public.training_datasets (user_id, (coalesce(file_size_bytes, -1)::bigint), id) where deleted_at is null;
-- Where few have the kind; where many have it an order's own index finds them sooner.
create index if not exists training_datasets_list_kind
  on public.training_datasets (user_id, kind) where deleted_at is null;

-- Search by any part of name or description. Where the extension may not be had every name of the user is looked at,
-- which a server does in about a tenth of a second for a hundred thousand.
do $$
declare
  place text;
begin
  begin
    create extension if not exists pg_trgm;
  exception when insufficient_privilege or undefined_file or feature_not_supported then
    raise notice 'pg_trgm is not available: search goes without an index';
  end;
  select n.nspname into place from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if place is not null then
    execute format(
      'create index if not exists training_datasets_list_words on public.training_datasets
         using gin (name %1$I.gin_trgm_ops, description %1$I.gin_trgm_ops) where deleted_at is null', place);
  end if;
end $$;

-- How well datasets are kept, hour by hour: one row for each user who has any, and one with an empty user_id for the
-- whole installation. Hours are kept for seven days, a day's last one for ninety.
create table longshore.storage_samples (
  user_id text not null,
  at timestamptz(3) not null,
  datasets integer not null,
  bytes bigint not null,
  none_verified integer not null,
  one_verified integer not null,
  two_or_more_verified integer not null,
  -- [{ provider, endpoint, bucket, copies, bytes, bad, verified_lately, answers }]; answers: null where nobody asked.
  stores jsonb not null,
  primary key (user_id, at)
);
create index storage_samples_age on longshore.storage_samples (at);

-- Jobs whose logs are old enough to be dropped.
create index training_jobs_ended on longshore.training_jobs (finished_at) where finished_at is not null;
