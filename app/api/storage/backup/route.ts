import { backupBody, backupView } from '@/lib/http/backup-requests.ts';
import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';

export const POST = endpoint(
  {
    auth: 'admin',
    summary: 'Write a backup of all rows into DATA_DIR/backups of this machine, for `longshore backup` to move',
    body: backupBody,
    answer: backupView,
    answerStatus: 201,
  },
  async ({ app, body, signal }) => {
    const options = { sealedKeys: body.keys ?? undefined, signal };
    return json(await app.backup(options), { status: 201 });
  },
);
