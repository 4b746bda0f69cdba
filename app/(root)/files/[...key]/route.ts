import { endpoint } from '@/lib/http/endpoint.ts';
import { signedFileResponse } from '@/lib/http/signed-file.ts';

/** Signed URLs of stores that this installation serves itself. The signature is all the right there is. */
export const GET = endpoint(
  { auth: 'none', summary: 'The object that a signed URL opens' },
  ({ app, request, signal }) => signedFileResponse(app.stores, request, signal),
);

export const HEAD = GET;
