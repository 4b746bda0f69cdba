/** What moving costs, in US dollars; a GB is 10^9 bytes. Everything can be given: contracts and regions differ. */
export interface Prices {
  /** Bytes that leave the base store. */
  sourceEgressPerGb: number;
  /** Of a month's egress, what the plan includes and nothing else uses. */
  includedEgressGb: number;
  s3PutPer1000: number;
  s3GetPer1000: number;
  s3StoragePerGbMonth: number;
  /** Bytes that leave S3 to a place outside its region: when copies are read back from there. */
  s3EgressPerGb: number;
}

export interface PriceList {
  prices: Prices;
  source: string;
  asOf: string;
}

/**
 * Supabase: egress over quota on Pro and Team (250 GB included, of which nothing is counted here). S3: Standard in
 * us-east-1, first tier.
 */
export const SUPABASE_TO_S3: PriceList = {
  prices: {
    sourceEgressPerGb: 0.09,
    includedEgressGb: 0,
    s3PutPer1000: 0.005,
    s3GetPer1000: 0.0004,
    s3StoragePerGbMonth: 0.023,
    s3EgressPerGb: 0.09,
  },
  source: 'supabase.com/docs/guides/platform/billing-on-supabase and aws.amazon.com/s3/pricing',
  asOf: '2025-12',
};

/** Where the base store is a disk of our own, nothing leaves it for money. */
export const DISK_TO_S3: PriceList = {
  ...SUPABASE_TO_S3,
  prices: { ...SUPABASE_TO_S3.prices, sourceEgressPerGb: 0 },
  source: 'aws.amazon.com/s3/pricing',
};

export interface CostInput {
  objects: number;
  /** Copied to S3, and read back from there once. */
  bytes: number;
  /** Read from the base store in all: copies and first readings. */
  sourceBytes: number;
  partBytes: number;
}

export interface Cost {
  source_egress_usd: number;
  s3_requests_usd: number;
  /** Nothing of it where Longshore runs in the region of the bucket. */
  s3_read_back_usd: number;
  s3_storage_usd_per_month: number;
}

const GB = 1e9;

export function costOf({ objects, bytes, sourceBytes, partBytes }: CostInput, prices: Prices): Cost {
  const paidGb = Math.max(0, sourceBytes / GB - prices.includedEgressGb);
  // Larger objects go in parts: each is a request, and so are the beginning and the end of the upload.
  const puts = objects + Math.ceil(bytes / partBytes);
  return {
    source_egress_usd: cents(paidGb * prices.sourceEgressPerGb),
    s3_requests_usd: cents((puts / 1000) * prices.s3PutPer1000 + (objects / 1000) * 2 * prices.s3GetPer1000),
    s3_read_back_usd: cents((bytes / GB) * prices.s3EgressPerGb),
    s3_storage_usd_per_month: cents((bytes / GB) * prices.s3StoragePerGbMonth),
  };
}

/** Rounded up: an estimate that is too low is worse than one that is too high. */
function cents(usd: number): number {
  return Math.max(0, Math.ceil(usd * 100 - 1e-9)) / 100;
}
