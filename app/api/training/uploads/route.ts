import { endpoint } from '@/lib/http/endpoint.ts';
import { handleTus } from '@/lib/http/tus/handle-tus.ts';

/** What this server can do of TUS 1.0. */
export const OPTIONS = endpoint(
  { auth: 'user', summary: 'The TUS extensions of this server' },
  ({ app, user, ...call }) => handleTus({ ...call, userId: user.userId, uploads: app.datasets.uploadService }),
);

export const POST = endpoint(
  {
    auth: 'user',
    summary: 'Begin a resumable upload (TUS 1.0)',
    accepts: ['application/offset+octet-stream'],
    answerStatus: 201,
  },
  ({ app, user, ...call }) => handleTus({ ...call, userId: user.userId, uploads: app.datasets.uploadService }),
);
