-- Looked for while machines are rented: what a step of a workflow has made, and machines that outlived their job.

create index training_jobs_work on longshore.training_jobs ((config ->> 'work_id'))
  where config ->> 'work_id' is not null;
create index training_jobs_unended on longshore.training_jobs (finished_at)
  where remote is not null and remote ->> 'state' <> 'ended';
