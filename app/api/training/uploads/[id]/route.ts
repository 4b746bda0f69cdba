import { endpoint } from '@/lib/http/endpoint.ts';
import { handleTus } from '@/lib/http/tus/handle-tus.ts';

export const HEAD = endpoint(
  { auth: 'user', summary: 'How much of an upload is here (TUS 1.0)' },
  ({ app, user, ...call }) => handleTus({ ...call, userId: user.userId, uploads: app.datasets.uploadService }),
);

export const PATCH = endpoint(
  {
    auth: 'user',
    summary: 'Send more of an upload (TUS 1.0)',
    accepts: ['application/offset+octet-stream'],
    answerStatus: 204,
  },
  ({ app, user, ...call }) => handleTus({ ...call, userId: user.userId, uploads: app.datasets.uploadService }),
);

export const DELETE = endpoint(
  { auth: 'user', summary: 'Give an unfinished upload up (TUS 1.0)', answerStatus: 204 },
  ({ app, user, ...call }) => handleTus({ ...call, userId: user.userId, uploads: app.datasets.uploadService }),
);
