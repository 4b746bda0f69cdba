import { endpoint } from '@/lib/http/endpoint.ts';
import { incomingFile } from '@/lib/http/incoming-file.ts';
import { json } from '@/lib/http/responses.ts';

/** The judgement of a file, accepted or not; nothing of it is stored. */
export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Check a file and store nothing',
    accepts: ['multipart/form-data', 'application/octet-stream'],
  },
  async ({ app, user, request, signal }) => {
    const file = await incomingFile(request, user.userId, signal);
    return json({ report: await app.datasets.intake.check(file) });
  },
);
