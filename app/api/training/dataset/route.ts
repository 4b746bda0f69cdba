import { datasetListQuery, idempotencyKey } from '@/lib/http/dataset-fields.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { incomingFile } from '@/lib/http/incoming-file.ts';
import { json } from '@/lib/http/responses.ts';

export const GET = endpoint(
  { auth: 'user', summary: 'Your datasets', query: datasetListQuery },
  async ({ app, user, query }) => json(await app.datasets.service.list(user.userId, query)),
);

/** The file streams from the socket through ingest; what the answer says is durable. */
export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Make a dataset of a file',
    accepts: ['multipart/form-data', 'application/octet-stream'],
    answerStatus: 201,
  },
  async ({ app, user, request, signal }) => {
    const key = idempotencyKey.parse(request.headers.get('idempotency-key') ?? undefined);
    const file = await incomingFile(request, user.userId, signal);
    const { dataset, replayed } = await app.datasets.intake.receive({ ...file, idempotencyKey: key });
    const headers: Record<string, string> = { Location: `/api/training/dataset/${dataset.id}` };
    if (replayed) headers['Idempotency-Replayed'] = 'true';
    return json({ dataset }, { status: 201, headers });
  },
);
