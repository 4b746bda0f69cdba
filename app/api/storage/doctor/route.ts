import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { installationReportView } from '@/lib/http/secret-requests.ts';

export const GET = endpoint(
  {
    auth: 'admin',
    summary: 'Examine the installation and say which phase is possible',
    answer: installationReportView,
  },
  async ({ app, signal }) => json(await app.doctor.examine(signal)),
);
