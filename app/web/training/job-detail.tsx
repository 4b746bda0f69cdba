import { Link } from 'wouter';
import { ApiProblem } from '../shared/api/client.ts';
import type { TrainingJob } from '../shared/api/types.ts';
import { formatAgo, formatBytes, formatCount } from '../shared/format.ts';
import { Ago } from '../shared/ui/ago.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { CodeBlock } from '../shared/ui/copy.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { Fact, Facts } from '../shared/ui/panel.tsx';
import { ErrorState, Note, ScreenSkeleton } from '../shared/ui/states.tsx';
import { type TabDefinition, UrlTabs } from '../shared/ui/tabs.tsx';
import { JobActions } from './job-actions.tsx';
import { JobLog } from './job-log.tsx';
import { JobMachine } from './job-machine.tsx';
import { JobMetrics } from './job-metrics.tsx';
import { JobSteps } from './job-steps.tsx';
import { commandOf, duration, isOver, STATE_TONES, spoken, TARGET_NAMES } from './job-words.ts';
import { useDatasetName, useJob } from './jobs-query.ts';
import { useJobStory } from './use-job-story.ts';
import { WorkerHelp } from './worker-help.tsx';

const BACK = { href: '/training', label: 'Training' };

export default function JobDetail({ id }: { id: string }) {
  const found = useJob(id);
  if (found.isPending) return <ScreenSkeleton />;
  if (found.isError) {
    return (
      <div className="flex flex-col gap-4">
        <PageHeader title="Training job" back={BACK} />
        <ErrorState error={found.error} retry={() => void found.refetch()} />
      </div>
    );
  }
  return <Detail job={found.data} />;
}

function Detail({ job }: { job: TrainingJob }) {
  const name = useDatasetName(job.dataset_id);
  const command = commandOf(job);
  return (
    <div className="flex flex-col gap-5">
      <PageHeader
        title={name === undefined || name === null ? 'Training job' : `Training on ${name}`}
        badge={<Badge tone={STATE_TONES[job.state]}>{job.state}</Badge>}
        description={<code className="text-xs break-all">{job.id}</code>}
        back={BACK}
        actions={<JobActions job={job} />}
      />
      <Outcome job={job} />
      <JobFacts job={job} name={name} />
      {command !== undefined && <CodeBlock title="Command" code={command} />}
      <JobMachine job={job} />
      {/* A new attempt begins a new stream: the one before has ended. */}
      <Told key={job.attempt} job={job} />
    </div>
  );
}

/** Why it ended, or what it waits for. */
function Outcome({ job: { state, error, target } }: { job: TrainingJob }) {
  if (error !== null && state === 'failed') {
    const { code, message: detail, hint } = error;
    return <ErrorState error={new ApiProblem({ code, status: 0, detail, hint: hint ?? undefined })} />;
  }
  if (error !== null && !isOver(state)) {
    return (
      <Note tone="warn">
        <p className="font-medium break-words">The attempt before ended: {error.message}</p>
        {error.hint !== null && <p className="break-words">{error.hint}</p>}
        <code className="text-xs">{error.code}</code>
      </Note>
    );
  }
  if (state !== 'pending' || target !== 'local') return null;
  return (
    <Note>
      <p className="mb-3">This job waits until a worker takes it, as long as that takes.</p>
      <WorkerHelp />
    </Note>
  );
}

function JobFacts({ job, name }: { job: TrainingJob; name: string | null | undefined }) {
  return (
    <Facts columns={5}>
      <Fact term="Dataset" detail={`content ${job.content_sha256.slice(0, 12)}`} title={job.content_sha256}>
        {name === null ? (
          'deleted'
        ) : (
          <Link href={`/datasets/${job.dataset_id}`} className="hover:text-accent">
            {name ?? '…'}
          </Link>
        )}
      </Fact>
      <Fact term="Runs on" detail={job.claimed_by ?? 'no worker yet'} title={job.claimed_by ?? undefined}>
        {TARGET_NAMES[job.target]}
      </Fact>
      <Fact term="Time" detail={isOver(job.state) ? 'in all' : heard(job)}>
        {duration(job)}
      </Fact>
      <Fact term="Attempt" detail={job.stage === null ? 'no stage yet' : `stage: ${spoken(job.stage)}`}>
        {job.attempt} of {job.max_attempts}
      </Fact>
      <Fact term="Created" detail={`${formatCount(job.metric_points)} points, ${formatBytes(job.log_bytes)} of log`}>
        <Ago at={job.created_at} />
      </Fact>
    </Facts>
  );
}

function heard({ heartbeat_at }: TrainingJob): string {
  return heartbeat_at === null ? 'no word yet' : `last heard ${formatAgo(heartbeat_at)}`;
}

function Told({ job }: { job: TrainingJob }) {
  const followed = useJobStory(job.id);
  const tabs: TabDefinition[] = [
    { id: 'log', label: 'Log', render: () => <JobLog followed={followed} /> },
    { id: 'metrics', label: 'Metrics', render: () => <JobMetrics story={followed.story} /> },
    { id: 'steps', label: 'Stages', render: () => <JobSteps story={followed.story} /> },
  ];
  return <UrlTabs label="Training job" tabs={tabs} />;
}
