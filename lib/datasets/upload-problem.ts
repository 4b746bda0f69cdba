import type { JsonObject } from '@/lib/db/schema.ts';
import { LongshoreError } from '@/lib/errors.ts';
import { StorageError } from '@/lib/storage/storage-error.ts';

/** Why an upload gave no dataset, as its durable result says it. Messages of unknown errors are not shown. */
export function problemOfFailure(error: unknown): JsonObject {
  if (error instanceof LongshoreError) {
    const { code, message, hint, details } = error;
    return { ...details, code, detail: message, ...(hint === undefined ? {} : { hint }) };
  }
  if (StorageError.is(error)) {
    const detail = `The ${error.provider} store could not do this (${error.code}).`;
    return { code: `storage_${error.code}`, detail, hint: 'Upload the file again.' };
  }
  return {
    code: 'internal_error',
    detail: 'Something went wrong on our side.',
    hint: 'Upload the file again. If it stays, look in the server log.',
  };
}
