import { z } from 'zod';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

const answer = z.object({
  user: z.object({ id: z.string(), name: z.string(), role: z.enum(['admin', 'member']) }),
  signed_in_by: z.enum(['api_key', 'session', 'jwt']),
  auth_mode: z.enum(['local', 'supabase']),
});

export const GET = endpoint({ auth: 'user', summary: 'Who is signed in', answer }, ({ app, user }) =>
  json({
    user: { id: user.userId, name: user.name, role: user.role },
    signed_in_by: user.via,
    auth_mode: app.config.auth.mode,
  }),
);
