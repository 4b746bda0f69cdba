import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

/** Which copy a download would read now, and why it is not the preferred one. Gives no address away, so nobody is told. */
export const GET = endpoint(
  { auth: 'user', summary: 'Which copy of a dataset answers now' },
  async ({ app, user, params }) => {
    const request = { datasetId: params.id ?? '', userId: user.userId, expiresInSeconds: 1 };
    const { provider, fallback_reason } = await app.datasets.urls.generateDownloadUrl(request);
    return json({ provider, fallback_reason });
  },
);
