import { endpoint } from '@/lib/http/endpoint.ts';
import { answerSignedFile } from '@/lib/http/signed-files.ts';

/** Objects of the filesystem store, by signed URL alone: the signature is the permission. */
export const GET = endpoint(
  { auth: 'none', summary: 'Read an object by its signed URL; Range and conditional requests work' },
  answerSignedFile,
);

export const HEAD = endpoint({ auth: 'none', summary: 'What GET would answer, without the object' }, answerSignedFile);
