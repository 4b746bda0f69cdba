import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { runView, showRun } from '@/lib/http/migration-views.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  { auth: 'admin', summary: 'How far a migration run is', answer: z.object({ migration: runView }) },
  async ({ app, params }) => json({ migration: showRun(await app.migration.service.get(params.id ?? '')) }),
);
