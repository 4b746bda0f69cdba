import { adoptionView } from '@/lib/http/adoption-views.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** Datasets of an application from before Longshore: how many were taken in and read, and what is wrong with others. */
export const GET = endpoint(
  { auth: 'admin', summary: 'How far the adoption of older datasets is', answer: adoptionView },
  async ({ app }) => json(await app.adoption.status()),
);
