import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** The process is alive and answers. Says nothing about what it depends on: restarting it would not mend that. */
export const GET = endpoint({ auth: 'none', summary: 'Is the process alive' }, () => json({ status: 'ok' }));
