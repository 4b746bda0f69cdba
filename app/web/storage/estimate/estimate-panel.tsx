import { useQuery } from '@tanstack/react-query';
import { RefreshCw } from 'lucide-react';
import { api } from '../../shared/api/client.ts';
import type { MoveEstimate } from '../../shared/api/types.ts';
import { BarChart } from '../../shared/charts/lazy-charts.tsx';
import { formatBytes, formatCount, formatSeconds } from '../../shared/format.ts';
import { Button } from '../../shared/ui/button.tsx';
import { Fact, Facts, Panel, Row, Rows } from '../../shared/ui/panel.tsx';
import { EmptyState, ErrorState, Loading, Note } from '../../shared/ui/states.tsx';
import { datasetCount } from '../words.ts';
import { LargestUsers } from './largest-users.tsx';

/** What moving everything to S3 would take. Reading a few copies tells how fast, so it is asked for once, not live. */
export function EstimatePanel() {
  const estimate = useQuery({
    queryKey: ['estimate'],
    queryFn: ({ signal }) => api<MoveEstimate>('/api/storage/estimate', { signal }),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (estimate.isPending) return <Loading label="Reading a few copies to learn their speed" />;
  if (estimate.isError) return <ErrorState error={estimate.error} retry={() => void estimate.refetch()} />;
  const found = estimate.data;
  return (
    <div className="flex flex-col gap-4">
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-2xl text-sm text-muted">
          What moving everything to S3 would take. Nothing is changed by looking; up to 32 MiB are read to learn the
          speed.
        </p>
        <Button disabled={estimate.isFetching} onClick={() => void estimate.refetch()}>
          <RefreshCw className="size-3.5" aria-hidden /> {estimate.isFetching ? 'Measuring …' : 'Measure again'}
        </Button>
      </div>
      {found.all.datasets === 0 ? (
        <EmptyState title="Nothing to move">There is no dataset yet.</EmptyState>
      ) : (
        <Found found={found} />
      )}
    </div>
  );
}

function Found({ found }: { found: MoveEstimate }) {
  const { time, cost, to_copy, in_s3, without_bucket } = found;
  return (
    <>
      <Facts>
        <Fact term="To copy" detail={formatBytes(to_copy.bytes)}>
          {datasetCount(to_copy.datasets)}
        </Fact>
        <Fact term="In S3 and read back" detail={formatBytes(in_s3.bytes)}>
          {datasetCount(in_s3.datasets)}
        </Fact>
        <Fact term="Time" detail={timeDetail(time)}>
          {time.seconds === null ? 'not known' : `about ${formatSeconds(time.seconds)}`}
        </Fact>
        <Fact term="Cost of the move" detail={`then ${usd(cost.s3_storage_usd_per_month)} a month`}>
          {usd(cost.source_egress_usd + cost.s3_requests_usd + cost.s3_read_back_usd)}
        </Fact>
      </Facts>
      {without_bucket.datasets > 0 && (
        <Note tone="warn">
          {datasetCount(without_bucket.datasets)} of {formatCount(without_bucket.users)}{' '}
          {without_bucket.users === 1 ? 'user' : 'users'} cannot be moved yet: there is no bucket for them.
        </Note>
      )}
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <Sizes sizes={found.sizes} />
        <Cost cost={cost} />
      </div>
      {found.largest_users.length > 0 && <LargestUsers users={found.largest_users} />}
    </>
  );
}

function timeDetail({ bytes_per_second: rate, source, concurrency }: MoveEstimate['time']): string {
  if (rate === null) return 'nothing could be read to measure';
  return `${formatBytes(rate)}/s ${source}, ${formatCount(concurrency)} at a time`;
}

function Sizes({ sizes }: { sizes: MoveEstimate['sizes'] }) {
  const bars = sizes.map(({ below_bytes, datasets }) => ({
    name: below_bytes === null ? 'larger' : `< ${formatBytes(below_bytes).replace('.0', '')}`,
    value: datasets,
  }));
  return (
    <Panel title="Sizes">
      <BarChart label="Datasets by size" bars={bars} unit="datasets" />
    </Panel>
  );
}

function Cost({ cost }: { cost: MoveEstimate['cost'] }) {
  return (
    <Panel title="Cost" description={`Prices of ${cost.prices_as_of}: ${cost.prices_source}`}>
      <Rows>
        <Row term="Reading from the base store">{usd(cost.source_egress_usd)}</Row>
        <Row term="Requests to S3">{usd(cost.s3_requests_usd)}</Row>
        <Row term="Reading back, outside the bucket’s region">{usd(cost.s3_read_back_usd)}</Row>
        <Row term="Keeping it in S3">{usd(cost.s3_storage_usd_per_month)} a month</Row>
      </Rows>
    </Panel>
  );
}

/** A cost of less than a cent is not nothing. */
function usd(value: number): string {
  return value > 0 && value < 0.01 ? 'under $0.01' : `$${value.toFixed(2)}`;
}
