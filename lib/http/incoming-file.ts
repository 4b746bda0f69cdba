import type { IncomingFile } from '@/lib/datasets/dataset-intake.ts';
import { requestBody } from '@/lib/http/body.ts';
import { type FileFields, fileFields } from '@/lib/http/dataset-fields.ts';
import { readForm } from '@/lib/http/multipart.ts';

/**
 * The file of an upload request: the field `file` of a form, or the bare body with what is said about it in the address.
 * @throws ZodError, malformed_form, file_missing
 */
export async function incomingFile(request: Request, userId: string, signal: AbortSignal): Promise<IncomingFile> {
  const query = fileFields.parse(Object.fromEntries(new URL(request.url).searchParams));
  const declared = declaredBytes(request);
  if (!isForm(request)) {
    const body = requestBody(request);
    return {
      userId,
      body,
      fileName: query.filename ?? query.name,
      declaredBytes: declared,
      words: words(query),
      signal,
    };
  }
  const form = await readForm(request);
  const before = { ...query, ...fileFields.parse(form.before) };
  return {
    userId,
    body: form.body,
    fileName: before.filename ?? form.fileName,
    declaredBytes: declared === undefined ? undefined : Math.max(0, declared - FORM_BYTES),
    words: words(before),
    laterWords: async () => words({ ...query, ...fileFields.parse(await form.all()) }),
    signal,
  };
}

/** What a form is longer than its file, at most as a rule: the file itself is counted as it arrives. */
const FORM_BYTES = 16 * 1024;

function isForm(request: Request): boolean {
  return /^multipart\/form-data\b/i.test(request.headers.get('content-type') ?? '');
}

function declaredBytes(request: Request): number | undefined {
  const header = request.headers.get('content-length');
  return header !== null && /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

function words(fields: FileFields): IncomingFile['words'] {
  const { name, description, format, on_error: onError, max_error_ratio: maxErrorRatio } = fields;
  return {
    ...(name === undefined ? {} : { name }),
    ...(description === undefined ? {} : { description }),
    ...(format === undefined ? {} : { format }),
    ...(onError === undefined ? {} : { onError }),
    ...(maxErrorRatio === undefined ? {} : { maxErrorRatio }),
  };
}
