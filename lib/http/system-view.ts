import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Application } from '@/lib/composition.ts';
import { projectRoot } from '@/lib/config/entry-points.ts';

const storeView = z.object({
  provider: z.enum(['s3', 'supabase', 'filesystem']),
  bucket: z.string(),
  region: z.string().nullable(),
  endpoint: z.string().nullable(),
});

/** What is the same for everybody who uses the installation, and for admins what it runs on. */
export const systemView = z.object({
  version: z.string(),
  limits: z.object({ max_upload_bytes: z.number(), max_record_bytes: z.number() }),
  installation: z
    .object({
      id: z.string(),
      url: z.string(),
      node: z.string(),
      started_at: z.string(),
      memory_bytes: z.number(),
      auth_mode: z.enum(['local', 'supabase']),
      state: z.enum(['ready', 'degraded', 'not_ready']),
      checks: z.record(z.string(), z.enum(['ok', 'failed'])),
      store_checks: z.record(z.string(), z.enum(['ok', 'failed'])),
      database: z.enum(['embedded', 'postgres']),
      data_dir: z.string(),
      disk: z.object({ free_bytes: z.number(), total_bytes: z.number(), reserve_bytes: z.number() }),
      stores: z.object({ base: storeView, platform_bucket: storeView.nullable() }),
      live_connections: z.number(),
    })
    .nullable(),
});

type SystemView = z.infer<typeof systemView>;

/** @param asAdmin whether to tell of the machine and its stores too */
export async function systemState(app: Application, asAdmin: boolean): Promise<SystemView> {
  const { maxUploadBytes, maxRecordBytes } = app.config.limits;
  return {
    version: VERSION,
    limits: { max_upload_bytes: maxUploadBytes, max_record_bytes: maxRecordBytes },
    installation: asAdmin ? await installationState(app) : null,
  };
}

const VERSION: string = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8')).version;

async function installationState(app: Application): Promise<NonNullable<SystemView['installation']>> {
  const { config } = app;
  const { state, checks, stores } = await app.readiness.check();
  const disk = await statfs(config.spoolDir);
  return {
    id: app.installationId,
    url: app.baseUrl.origin,
    node: process.versions.node,
    started_at: new Date(Date.now() - process.uptime() * 1000).toISOString(),
    memory_bytes: process.memoryUsage.rss(),
    auth_mode: config.auth.mode,
    state,
    checks,
    store_checks: stores,
    database: config.database.kind,
    data_dir: config.dataDir,
    disk: {
      free_bytes: disk.bavail * disk.bsize,
      total_bytes: disk.blocks * disk.bsize,
      reserve_bytes: config.limits.diskReserveBytes,
    },
    stores: storesOf(app),
    live_connections: app.events.subscriberCount,
  };
}

function storesOf({ config, baseStore }: Application): NonNullable<SystemView['installation']>['stores'] {
  const { platformBucket } = config;
  return {
    base: {
      provider: baseStore.provider,
      bucket: baseStore.bucket,
      region: null,
      endpoint: config.supabase?.url.origin ?? null,
    },
    platform_bucket:
      platformBucket === undefined
        ? null
        : {
            provider: 's3',
            bucket: platformBucket.bucket,
            region: platformBucket.region,
            endpoint: platformBucket.endpoint?.origin ?? null,
          },
  };
}
