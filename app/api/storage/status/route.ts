import { endpoint } from '@/lib/http/endpoint.ts';
import { json } from '@/lib/http/responses.ts';
import { showStorageStatus, storageStatusView } from '@/lib/http/storage-views.ts';

/** Admins see the installation, others what is theirs. */
export const GET = endpoint(
  {
    auth: 'user',
    summary: 'Where datasets are, how well they are kept, and how the stores fare',
    answer: storageStatusView,
  },
  async ({ app, user }) => {
    const { storageStatus } = app;
    const status = user.role === 'admin' ? storageStatus.ofInstallation() : storageStatus.ofUser(user.userId);
    return json(showStorageStatus(await status));
  },
);
