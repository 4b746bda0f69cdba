-- Rows of an application from before Longshore, which may go on inserting, moving and deleting them while it knows only
-- the old columns. Nothing here changes a column that it reads. A trigger does what must be true at once; objects are
-- looked at later, by the sweep.

-- One row, written by `adopt --apply`: where the paths of the old application lie.
create table longshore.adoption (
  singleton boolean primary key default true check (singleton),
  provider text not null,
  endpoint text,
  region text,
  bucket text not null,
  applied_at timestamptz(3) not null default now(),
  -- Of the last comparison of all rows with all objects, and what it counted.
  compared_at timestamptz(3),
  counts jsonb
);

create table longshore.adopted_datasets (
  dataset_id text primary key,
  user_id text not null,
  storage_path text not null,
  -- waiting: the address still belongs to a copy that is being removed. refused: adoption_problems says why.
  state text not null check (state in ('waiting', 'adopted', 'refused')),
  -- What metadata.s3_storage_path named; null for none. waiting: the user's bucket is not known yet.
  s3_storage_path text,
  s3_state text check (s3_state in ('waiting', 'adopted', 'refused')),
  -- What reading the object found: null until then.
  inspected_at timestamptz(3),
  inspection jsonb,
  created_at timestamptz(3) not null default now(),
  updated_at timestamptz(3) not null default now()
);
create index adopted_datasets_uninspected on longshore.adopted_datasets (dataset_id)
  where state = 'adopted' and inspected_at is null;
create index adopted_datasets_waiting on longshore.adopted_datasets (updated_at)
  where state = 'waiting' or s3_state = 'waiting';

create table longshore.adoption_problems (
  code text not null,
  object_key text not null,
  -- Empty for an object that no row names.
  dataset_id text not null,
  user_id text,
  details jsonb not null default '{}',
  -- path: of the row itself. comparison: of rows with objects. inspection: of an object's content.
  source text not null check (source in ('path', 'comparison', 'inspection')),
  -- The comparison that found it last: what the next complete one does not find again is gone.
  run_id text,
  found_at timestamptz(3) not null default now(),
  primary key (code, object_key, dataset_id)
);
create index adoption_problems_dataset on longshore.adoption_problems (dataset_id);

-- Datasets whose row somebody deleted: what is left of them elsewhere is still to be cleared away.
create table longshore.legacy_deletes (
  id bigint generated always as identity primary key,
  dataset_id text not null,
  user_id text not null,
  deleted_at timestamptz(3) not null default now()
);

create index if not exists training_datasets_storage_path on public.training_datasets (storage_path);
create index if not exists training_datasets_unknown_hash on public.training_datasets (id)
  where object_sha256 is null and deleted_at is null;

-- Why a row's path is not believed; null when it is. The same answer for the trigger and for the comparison.
create function longshore.path_fault(p_id text, p_user text, p_path text) returns text
language plpgsql stable security definer set search_path = pg_catalog as $$
begin
  if p_id !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$' or p_user !~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$' then
    return 'unsafe_id';
  end if;
  if not starts_with(p_path, p_user || '/') then return 'foreign_path'; end if;
  if length(p_path) > 900 or p_path !~ '^([A-Za-z0-9!_.*''()&$@=;:+, ?-]{1,180}/)*[A-Za-z0-9!_.*''()&$@=;:+, ?-]{1,180}$'
     or p_path ~ '(^|/)[.][.]?(/|$)' then
    return 'unsafe_path';
  end if;
  if exists (select 1 from public.training_datasets t where t.storage_path = p_path and t.id::text <> p_id) then
    return 'duplicate_path';
  end if;
  return null;
end $$;

-- The copy in S3 that old metadata names. JSON null, empty text and anything that is no text count as none.
create function longshore.s3_claim(p_metadata jsonb) returns text
language sql immutable set search_path = pg_catalog as $$
  select case when jsonb_typeof(p_metadata -> 's3_storage_path') = 'string'
    then nullif(p_metadata ->> 's3_storage_path', '') end
$$;

-- Takes a row in: its record and, where its path is believed, its base copy. Repeating it changes nothing.
-- p_bytes: size of the object when it was seen. p_present: whether it was looked for and found; null when nobody looked.
create function longshore.adopt_row(
  p_id text, p_user text, p_path text, p_metadata jsonb, p_bytes bigint, p_present boolean
) returns text
language plpgsql security definer set search_path = pg_catalog as $$
declare
  base longshore.adoption%rowtype;
  fault text := longshore.path_fault(p_id, p_user, p_path);
  claim text := longshore.s3_claim(p_metadata);
  claim_state text := case when claim is null then null when starts_with(claim, p_user || '/') then 'waiting' else 'refused' end;
  outcome text;
begin
  select * into base from longshore.adoption;
  insert into longshore.adopted_datasets as a (dataset_id, user_id, storage_path, state, s3_storage_path, s3_state)
  values (p_id, p_user, p_path, case when fault is null then 'waiting' else 'refused' end, claim, claim_state)
  on conflict (dataset_id) do update set
    state = case when fault is not null then 'refused' when a.state = 'adopted' then a.state else 'waiting' end,
    s3_storage_path = claim,
    s3_state = case when a.s3_storage_path is not distinct from claim then a.s3_state else claim_state end,
    updated_at = now()
  returning state into outcome;
  delete from longshore.adoption_problems where dataset_id = p_id and source = 'path';
  if claim_state = 'refused' then
    insert into longshore.adoption_problems (code, object_key, dataset_id, user_id, source)
    values ('foreign_s3_path', claim, p_id, p_user, 'path') on conflict do nothing;
  end if;
  if fault is not null then
    insert into longshore.adoption_problems (code, object_key, dataset_id, user_id, source)
    values (fault, p_path, p_id, p_user, 'path') on conflict do nothing;
    return 'refused';
  end if;
  insert into longshore.dataset_replicas
    (id, dataset_id, user_id, provider, endpoint, region, bucket, object_key, state, size_bytes, completed_at, error_code, error_message)
  values (gen_random_uuid()::text, p_id, p_user, base.provider, base.endpoint, base.region, base.bucket, p_path,
    case when p_present is false then 'missing' else 'completed' end, p_bytes, now(),
    case when p_present is false then 'missing' end,
    case when p_present is false then 'The row names an object that is not there.' end)
  on conflict do nothing;
  if found then
    update longshore.adopted_datasets set state = 'adopted', updated_at = now() where dataset_id = p_id;
    return 'adopted';
  end if;
  -- Looked at again, before anything was known of its content.
  update longshore.dataset_replicas set
    state = case when p_present then 'completed' else 'missing' end,
    size_bytes = coalesce(p_bytes, size_bytes), updated_at = now(),
    error_code = case when p_present then null else 'missing' end,
    error_message = case when p_present then null else 'The row names an object that is not there.' end
  where p_present is not null and dataset_id = p_id and object_key = p_path and provider = base.provider
    and object_sha256 is null and state in ('completed', 'missing')
    and (state <> case when p_present then 'completed' else 'missing' end or size_bytes is distinct from p_bytes);
  return outcome;
end $$;

create function longshore.legacy_inserted() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
begin
  if exists (select 1 from longshore.adoption) then
    perform longshore.adopt_row(new.id::text, new.user_id::text, new.storage_path, to_jsonb(new) -> 'metadata', null, null);
  end if;
  return null;
end $$;

-- What Longshore deletes is marked first and has no copies left when its row goes. A row that goes with copies was
-- deleted by somebody else: its copies go too, and are remembered, so that nothing brings it back.
create function longshore.legacy_deleted() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  gone constant text := old.id::text;
begin
  delete from longshore.adopted_datasets where dataset_id = gone;
  delete from longshore.adoption_problems where dataset_id = gone;
  if not exists (select 1 from longshore.dataset_replicas where dataset_id = gone)
     and not exists (select 1 from longshore.spools where dataset_id = gone) then
    return null;
  end if;
  insert into longshore.tombstones
    (id, dataset_id, user_id, provider, endpoint, region, bucket, object_key, secret_id, upload_state, reason, check_after)
  select gen_random_uuid()::text, dataset_id, user_id, provider, endpoint, region, bucket, object_key, secret_id,
    upload_state, 'dataset_deleted', now() + interval '6 hours'
  from longshore.dataset_replicas where dataset_id = gone and state <> 'deleting';
  update longshore.dataset_replicas set state = 'deleting', attempt = attempt + 1, updated_at = now()
  where dataset_id = gone and state <> 'deleting';
  insert into longshore.legacy_deletes (dataset_id, user_id) values (gone, old.user_id::text);
  return null;
end $$;

-- The old application gave a dataset another object, or named a copy in S3. Longshore's own changes of these columns name
-- copies that have rows.
create function longshore.legacy_updated() returns trigger
language plpgsql security definer set search_path = pg_catalog as $$
declare
  moved constant text := new.id::text;
  claim text;
begin
  if new.deleted_at is not null or new.status <> 'ready' or not exists (select 1 from longshore.adoption) then
    return new;
  end if;
  if new.storage_path is distinct from old.storage_path and not exists (
    select 1 from longshore.dataset_replicas r
    where r.dataset_id = moved and r.object_key = new.storage_path and r.state <> 'deleting'
  ) then
    -- Objects that the old application made stay its own; copies that we made are of other content now.
    delete from longshore.dataset_replicas r
    where r.dataset_id = moved and r.object_key = old.storage_path and r.state <> 'deleting'
      and exists (select 1 from longshore.adopted_datasets a where a.dataset_id = moved and a.storage_path = r.object_key);
    update longshore.dataset_replicas set
      state = case when state in ('completed', 'missing') then 'corrupt' else state end,
      attempt = attempt + 1, verified_at = null, object_sha256 = null, error_code = 'superseded',
      error_message = 'The dataset was given another object since.', updated_at = now()
    where dataset_id = moved and state <> 'deleting';
    new.object_sha256 := null;
    new.content_sha256 := null;
    new.source_sha256 := null;
    new.original_size_bytes := null;
    new.content_size_bytes := null;
    new.block_index := null;
    new.kind := null;
    new.attempt := old.attempt + 1;
    delete from longshore.adopted_datasets where dataset_id = moved;
    delete from longshore.adoption_problems where dataset_id = moved;
    perform longshore.adopt_row(moved, new.user_id::text, new.storage_path, to_jsonb(new) -> 'metadata', null, null);
    return new;
  end if;
  claim := longshore.s3_claim(to_jsonb(new) -> 'metadata');
  if claim is not null and not exists (
    select 1 from longshore.dataset_replicas r where r.dataset_id = moved and r.provider = 's3' and r.object_key = claim
  ) then
    update longshore.adopted_datasets set s3_storage_path = claim, updated_at = now(),
      s3_state = case when starts_with(claim, user_id || '/') then 'waiting' else 'refused' end
    where dataset_id = moved and s3_storage_path is distinct from claim;
  end if;
  return new;
end $$;

create trigger longshore_legacy_insert after insert on public.training_datasets
  for each row when (new.status = 'ready' and new.attempt = 0 and new.object_sha256 is null)
  execute function longshore.legacy_inserted();
create trigger longshore_legacy_update before update of storage_path, metadata on public.training_datasets
  for each row execute function longshore.legacy_updated();
create trigger longshore_legacy_delete after delete on public.training_datasets
  for each row execute function longshore.legacy_deleted();

revoke all on function longshore.adopt_row(text, text, text, jsonb, bigint, boolean) from public;
revoke all on function longshore.path_fault(text, text, text) from public;
revoke all on function longshore.legacy_inserted() from public;
revoke all on function longshore.legacy_updated() from public;
revoke all on function longshore.legacy_deleted() from public;
