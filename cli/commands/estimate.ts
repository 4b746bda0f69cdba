import { type Command, InvalidArgumentError } from 'commander';
import { parseBytes } from '@/lib/config/units.ts';
import { formatBytes, formatCount, formatSeconds } from '@/lib/format.ts';
import type { Estimate } from '@/lib/migration/estimate/estimate.ts';
import type { CliContext } from '../context.ts';
import { formatTable, printJson, printLine, type Terminal } from '../output/terminal.ts';

interface EstimateFlags {
  rate?: number;
  users?: string;
  egressPrice?: string;
  includedGb?: string;
  s3StoragePrice?: string;
  s3PutPrice?: string;
  s3EgressPrice?: string;
}

export function addEstimate(program: Command, context: CliContext): void {
  program
    .command('estimate')
    .description('what moving everything to S3 would take: datasets, bytes, time and cost (admin)')
    .option('--rate <bytes/s>', 'instead of measuring: 50MiB', rateOf)
    .option('--users <n>', 'how many users to name', '20')
    .option('--egress-price <usd>', 'a GB out of the base store')
    .option('--included-gb <gb>', 'egress of this month that the plan includes and nothing else uses')
    .option('--s3-put-price <usd>', '1,000 writes to S3')
    .option('--s3-storage-price <usd>', 'a GB in S3 for a month')
    .option('--s3-egress-price <usd>', 'a GB out of S3, where Longshore runs outside its region')
    .addHelpText('after', '\nExample: longshore estimate --included-gb 250 --json\nChanges nothing.')
    .action((flags: EstimateFlags) => estimate(context, flags));
}

async function estimate(context: CliContext, flags: EstimateFlags): Promise<void> {
  const client = await context.client();
  const found = await client.json<Estimate>('/api/storage/estimate', {
    query: {
      bytes_per_second: flags.rate,
      users: flags.users,
      source_egress_per_gb: flags.egressPrice,
      included_egress_gb: flags.includedGb,
      s3_put_per_1000: flags.s3PutPrice,
      s3_storage_per_gb_month: flags.s3StoragePrice,
      s3_egress_per_gb: flags.s3EgressPrice,
    },
    signal: context.signal,
  });
  if (context.terminal.json) printJson(context.terminal, found);
  else printEstimate(context.terminal, found);
}

function rateOf(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined || bytes < 1) throw new InvalidArgumentError('Not a rate: 50MiB, 800KiB.');
  return bytes;
}

function printEstimate(terminal: Terminal, found: Estimate): void {
  const lines = (texts: readonly string[]) => {
    for (const text of texts) printLine(terminal, text);
    printLine(terminal);
  };
  lines(formatTable(['Datasets', 'number', 'bytes'], volumes(found), [1, 2]));
  lines(formatTable(['Size', 'datasets', 'bytes'], sizes(found), [1, 2]));
  lines(formatTable(['User', 'to copy', 'bytes', 'bucket'], users(found), [1, 2]));
  lines(time(found));
  for (const text of cost(found)) printLine(terminal, text);
}

function volumes({ all, in_s3, to_copy, unread, without_bucket, not_adopted, unknown_size }: Estimate): string[][] {
  const row = (name: string, { datasets, bytes }: { datasets: number; bytes: number }) => [
    name,
    formatCount(datasets),
    formatBytes(bytes),
  ];
  return [
    row('all', all),
    row('in S3 and read back', in_s3),
    row('to copy', to_copy),
    row('  of users without a bucket', without_bucket),
    row('never read by Longshore', unread),
    ['not adopted', formatCount(not_adopted), ''],
    ['of unknown size', formatCount(unknown_size), ''],
  ];
}

function sizes({ sizes: classes }: Estimate): string[][] {
  return classes.map(({ below_bytes, datasets, bytes }) => [
    below_bytes === null ? 'larger' : `below ${formatBytes(below_bytes)}`,
    formatCount(datasets),
    formatBytes(bytes),
  ]);
}

function users({ largest_users }: Estimate): string[][] {
  return largest_users.map(({ user_id, to_copy, to_copy_bytes, bucket }) => [
    user_id,
    formatCount(to_copy),
    formatBytes(to_copy_bytes),
    bucket,
  ]);
}

function time({ time: { seconds, bytes_per_second: rate, source, concurrency } }: Estimate): string[] {
  if (seconds === null || rate === null) return ['Time: unknown; nothing could be read to measure. Give --rate.'];
  const how = source === 'measured' ? 'measured just now by reading' : 'as you said';
  return [
    `Time: about ${formatSeconds(seconds)} at ${formatBytes(rate)}/s (${how}), ${concurrency} objects at a time, every byte copied and read back.`,
  ];
}

function cost({ cost: found }: Estimate): string[] {
  const usd = (value: number) => `$${value.toFixed(2)}`;
  const { prices } = found;
  return [
    `Cost: ${usd(found.source_egress_usd)} egress from the base store (${usd(prices.source_egress_per_gb)} a GB, ${prices.included_egress_gb} GB included),`,
    `      ${usd(found.s3_requests_usd)} S3 requests, ${usd(found.s3_storage_usd_per_month)} a month in S3;`,
    `      ${usd(found.s3_read_back_usd)} for reading back where Longshore runs outside the bucket's region.`,
    `      Prices of ${found.prices_as_of}: ${found.prices_source}. Give your own: longshore estimate --help`,
  ];
}
