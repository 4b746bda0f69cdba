import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { removalView, showRemoval } from '@/lib/http/removal-views.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  { auth: 'admin', summary: 'How far a list of copies to remove is', answer: z.object({ removal: removalView }) },
  async ({ app, params }) => json({ removal: showRemoval(await app.migration.removals.get(params.id ?? '')) }),
);
