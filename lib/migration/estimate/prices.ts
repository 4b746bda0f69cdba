/** What moving costs, in US dollars, as the API names it; a GB is 10^9 bytes. Everything can be given: contracts and regions differ. */
export interface Prices {
  /** Bytes that leave the base store. */
  source_egress_per_gb: number;
  /** Of a month's egress, what the plan includes and nothing else uses. */
  included_egress_gb: number;
  s3_put_per_1000: number;
  s3_get_per_1000: number;
  s3_storage_per_gb_month: number;
  /** Bytes that leave S3 to a place outside its region: when copies are read back from there. */
  s3_egress_per_gb: number;
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
    source_egress_per_gb: 0.09,
    included_egress_gb: 0,
    s3_put_per_1000: 0.005,
    s3_get_per_1000: 0.0004,
    s3_storage_per_gb_month: 0.023,
    s3_egress_per_gb: 0.09,
  },
  source: 'supabase.com/docs/guides/platform/billing-on-supabase and aws.amazon.com/s3/pricing',
  asOf: '2025-12',
};

/** Where the base store is a disk of our own, nothing leaves it for money. */
export const DISK_TO_S3: PriceList = {
  ...SUPABASE_TO_S3,
  prices: { ...SUPABASE_TO_S3.prices, source_egress_per_gb: 0 },
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
  const paidGb = Math.max(0, sourceBytes / GB - prices.included_egress_gb);
  // Larger objects go in parts: each is a request, and so are the beginning and the end of the upload.
  const puts = objects + Math.ceil(bytes / partBytes);
  return {
    source_egress_usd: cents(paidGb * prices.source_egress_per_gb),
    s3_requests_usd: cents((puts / 1000) * prices.s3_put_per_1000 + (objects / 1000) * 2 * prices.s3_get_per_1000),
    s3_read_back_usd: cents((bytes / GB) * prices.s3_egress_per_gb),
    s3_storage_usd_per_month: cents((bytes / GB) * prices.s3_storage_per_gb_month),
  };
}

/** Rounded up: an estimate that is too low is worse than one that is too high. */
function cents(usd: number): number {
  return Math.max(0, Math.ceil(usd * 100 - 1e-9)) / 100;
}
