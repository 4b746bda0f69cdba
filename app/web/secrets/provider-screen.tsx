import { ExternalLink } from 'lucide-react';
import type { ProviderDescription, SecretsOverview, SecretView } from '../shared/api/types.ts';
import { formatAgo, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { Panel, Row, Rows } from '../shared/ui/panel.tsx';
import { Note } from '../shared/ui/states.tsx';
import { AwsPolicies } from './aws-policies.tsx';
import { DeleteSecret, RetestSecret } from './secret-actions.tsx';
import { SecretForm } from './secret-form.tsx';
import { type ProviderSecrets, secretsOf, stateOf } from './secret-state.ts';
import { TestReport } from './test-report.tsx';
import { Usage } from './usage.tsx';

export function ProviderScreen({ provider, overview }: { provider: ProviderDescription; overview: SecretsOverview }) {
  const secrets = secretsOf(overview.secrets, provider.id);
  const { word, tone } = stateOf(secrets);
  const stored = secrets.active ?? secrets.waiting;
  return (
    <div className="flex flex-col gap-6">
      <PageHeader
        title={provider.title}
        badge={<Badge tone={tone}>{word}</Badge>}
        description={provider.purpose}
        back={{ href: '/secrets', label: 'Secrets' }}
        actions={
          stored !== undefined && (
            <>
              <RetestSecret provider={provider.id} />
              <DeleteSecret provider={provider} overview={overview} />
            </>
          )
        }
      />
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_minmax(0,1fr)]">
        <div className="flex min-w-0 flex-col gap-4">
          {stored !== undefined && <Stored secrets={secrets} />}
          {provider.id === 'aws' && stored !== undefined && <Usage usage={overview.usage} />}
          <Panel
            title={stored === undefined ? 'Set up' : 'Replace'}
            description={
              stored === undefined
                ? undefined
                : 'The new version is used once its test passes. Until then the one above stays in use.'
            }
          >
            <SecretForm provider={provider} stored={stored} />
          </Panel>
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <Panel title="Where to find it">
            <p className="text-sm text-muted">{provider.where}</p>
            <a
              href={provider.url}
              target="_blank"
              rel="noreferrer"
              className="mt-3 inline-flex items-center gap-1.5 text-sm font-medium text-accent hover:underline"
            >
              Open {new URL(provider.url).hostname} <ExternalLink className="size-3.5" aria-hidden />
            </a>
          </Panel>
          {provider.id === 'aws' && <AwsPolicies policies={overview.aws} />}
        </div>
      </div>
    </div>
  );
}

function Stored({ secrets: { active, waiting, superseded } }: { secrets: ProviderSecrets }) {
  const shown = active ?? waiting;
  if (shown === undefined) return null;
  return (
    <Panel title={active === undefined ? 'Stored, not in use' : 'In use'}>
      <div className="flex flex-col gap-4">
        <SecretRows secret={shown} />
        {superseded.length > 0 && (
          <Note>
            Version {superseded.map(({ version }) => version).join(', ')} was replaced. It is kept until no copy is
            reached by it any more.
          </Note>
        )}
        {shown.report !== null && <TestReport report={shown.report} folded />}
        {active !== undefined && waiting !== undefined && <Waiting secret={waiting} />}
      </div>
    </Panel>
  );
}

function Waiting({ secret }: { secret: SecretView }) {
  return (
    <>
      <Note tone="warn">Version {secret.version} waits: it is used as soon as a test of it passes.</Note>
      {secret.report !== null && <TestReport report={secret.report} />}
    </>
  );
}

function SecretRows({ secret }: { secret: SecretView }) {
  const { aws, huggingface, lambda } = secret.metadata;
  const rows: [string, string | null | undefined][] = [
    ['Key', secret.last_four === null ? 'a role, no key' : `ends with ${secret.last_four}`],
    ['Bucket', aws?.s3_bucket],
    ['Region', aws?.region],
    ['Endpoint', aws?.endpoint],
    ['Role', aws?.role_arn],
    ['SageMaker role', aws?.sagemaker_role_arn],
    ['User name', huggingface?.username],
    ['SSH key', lambda?.ssh_key_name],
  ];
  return (
    <Rows>
      {rows
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([term, value]) => (
          <Row key={term} term={term}>
            {value}
          </Row>
        ))}
      <Row term="Version">
        {secret.version}, <span title={formatMoment(secret.created_at)}>stored {formatAgo(secret.created_at)}</span>
      </Row>
    </Rows>
  );
}
