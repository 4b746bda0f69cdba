import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { systemState, systemView } from '@/lib/http/system-view.ts';

export const GET = endpoint(
  { auth: 'user', summary: 'Version and limits; for admins also what the installation runs on', answer: systemView },
  async ({ app, user }) => json(await systemState(app, user.role === 'admin')),
);
