import { endpoint } from '@/lib/http/endpoint.ts';
import { workerFileResponse, workerQuery } from '@/lib/http/worker-file.ts';

/** For machines that have no account here: the file holds no secret, and they check its hash. */
export const GET = endpoint(
  { auth: 'none', summary: 'The worker that runs training jobs, as one Python file', query: workerQuery },
  async ({ app, query }) => workerFileResponse(await app.deploy.workers.wanted(query.sha256)),
);
