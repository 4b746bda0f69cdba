import { ArrowRight } from 'lucide-react';
import { Link } from 'wouter';
import type { ProviderDescription, SecretsOverview } from '../shared/api/types.ts';
import { formatAgo, formatMoment } from '../shared/format.ts';
import { Badge } from '../shared/ui/badge.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { ErrorState, ScreenSkeleton } from '../shared/ui/states.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { ProviderScreen } from './provider-screen.tsx';
import { useSecrets } from './queries.ts';
import { secretsOf, stateOf } from './secret-state.ts';

export default function SecretsScreen() {
  const [chosen] = useUrlState('provider');
  const overview = useSecrets();
  if (overview.isPending) return <ScreenSkeleton />;
  if (overview.isError) return <ErrorState error={overview.error} retry={() => void overview.refetch()} />;
  const provider = overview.data.providers.find((one) => one.id === chosen);
  if (provider !== undefined) return <ProviderScreen key={provider.id} provider={provider} overview={overview.data} />;
  return <Tiles overview={overview.data} />;
}

function Tiles({ overview }: { overview: SecretsOverview }) {
  return (
    <div className="flex flex-col gap-6">
      <PageHeader
        title="Secrets"
        description="Keys of your own accounts. Each is tested before it is used, encrypted where it is kept, and never shown again."
      />
      <ul className="grid gap-3 sm:grid-cols-2">
        {overview.providers.map((provider) => (
          <Tile key={provider.id} provider={provider} overview={overview} />
        ))}
      </ul>
    </div>
  );
}

function Tile({ provider, overview }: { provider: ProviderDescription; overview: SecretsOverview }) {
  const secrets = secretsOf(overview.secrets, provider.id);
  const { word, tone } = stateOf(secrets);
  const shown = secrets.active ?? secrets.waiting;
  const place = shown?.metadata.aws?.s3_bucket ?? shown?.metadata.huggingface?.username;
  return (
    <li>
      <Link
        href={`/secrets?provider=${provider.id}`}
        className="group flex h-full flex-col gap-3 rounded-lg border border-line bg-surface p-4 transition-colors hover:border-line-strong"
      >
        <span className="flex items-center justify-between gap-3">
          <span className="font-semibold">{provider.title}</span>
          <Badge tone={tone}>{word}</Badge>
        </span>
        <span className="flex-1 text-sm text-muted">{provider.purpose}</span>
        <span className="flex items-center justify-between gap-3 border-t border-line pt-3 text-xs text-muted">
          {shown === undefined ? (
            <span>Not set up yet</span>
          ) : (
            <span
              className="min-w-0 truncate"
              title={shown.tested_at === null ? undefined : formatMoment(shown.tested_at)}
            >
              {place !== undefined && <span className="font-medium text-ink">{place} </span>}
              {shown.last_four !== null && <code>…{shown.last_four} </code>}
              tested {formatAgo(shown.tested_at)}
            </span>
          )}
          <ArrowRight className="size-4 shrink-0 transition-transform group-hover:translate-x-0.5" aria-hidden />
        </span>
      </Link>
    </li>
  );
}
