import { endpoint } from '@/lib/http/endpoint.ts';
import { workerFileResponse } from '@/lib/http/worker-file.ts';

/** For machines that have no account here: the file holds no secret, and they check its hash. */
export const GET = endpoint({ auth: 'none', summary: 'The worker that runs training jobs, as one Python file' }, () =>
  workerFileResponse(),
);
