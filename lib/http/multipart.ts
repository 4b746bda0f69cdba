import type { Readable } from 'node:stream';
import { Busboy } from '@fastify/busboy';
import { LongshoreError } from '@/lib/errors.ts';
import { requestBody } from '@/lib/http/body.ts';

/** A form with one file, read as it arrives. */
export interface IncomingForm {
  /** The file's bytes. MUST be consumed or destroyed. Errors when the form breaks off. */
  body: Readable;
  fileName: string | undefined;
  /** Fields that came before the file. */
  before: Record<string, string>;
  /** All fields, once the whole form has been read. Ask for it after the file was consumed. */
  all(): Promise<Record<string, string>>;
}

const LIMITS = { files: 1, fields: 32, fieldSize: 64 * 1024, fieldNameSize: 100, headerPairs: 100, parts: 40 };

/**
 * Reads the beginning of a multipart form up to its file. Nothing is buffered: the file streams with backpressure to the
 * client.
 * @throws malformed_form, file_missing, and (from `all`) too_many_files
 */
export async function readForm(request: Request): Promise<IncomingForm> {
  const contentType = request.headers.get('content-type') ?? '';
  const source = requestBody(request);
  const parser = parserFor(contentType);
  const form = new FormReader(parser, source);
  source.on('error', (error) => parser.destroy(error));
  source.pipe(parser);
  try {
    return await form.file();
  } catch (error) {
    source.destroy();
    throw error;
  }
}

type Parser = InstanceType<typeof Busboy>;

function parserFor(contentType: string): Parser {
  try {
    return new Busboy({ headers: { 'content-type': contentType }, limits: LIMITS, fileHwm: 256 * 1024 });
  } catch (cause) {
    throw malformed(cause);
  }
}

class FormReader {
  readonly #fields: Record<string, string> = {};
  readonly #finished: Promise<void>;
  readonly #file: Promise<IncomingForm>;

  constructor(parser: Parser, source: Readable) {
    parser.on('field', (name, value, _nameCut, valueCut) => {
      if (valueCut) parser.destroy(malformed());
      this.#fields[name] = value;
    });
    this.#finished = new Promise((resolve, reject) => {
      parser.once('finish', resolve);
      parser.once('error', (error) => reject(asMalformed(error)));
      parser.once('filesLimit', () => reject(tooManyFiles()));
      parser.once('fieldsLimit', () => reject(malformed()));
      parser.once('partsLimit', () => reject(malformed()));
    });
    this.#file = new Promise((resolve, reject) => {
      parser.once('file', (_name, body, fileName) => resolve(this.#incoming({ parser, source }, body, fileName)));
      this.#finished.then(() => reject(fileMissing()), reject);
    });
    // Both are asked for later, or never when the other fails first.
    this.#finished.catch(() => undefined);
    this.#file.catch(() => undefined);
  }

  file(): Promise<IncomingForm> {
    return this.#file;
  }

  #incoming(
    { parser, source }: { parser: Parser; source: Readable },
    body: Readable,
    fileName: string | undefined,
  ): IncomingForm {
    // Where the form breaks off, the file does: it must never look complete. The parser only emits the error on it.
    parser.once('error', (error) => body.destroy(asMalformed(error)));
    body.on('error', (error) => body.destroy(asMalformed(error)));
    // Whoever stops reading the file has no use for the rest of the form.
    body.once('close', () => body.readableEnded || source.destroy());
    const all = async () => {
      await this.#finished;
      return this.#fields;
    };
    return { body, fileName: fileName || undefined, before: { ...this.#fields }, all };
  }
}

function asMalformed(error: unknown): Error {
  return error instanceof LongshoreError || isAbort(error) ? error : malformed(error);
}

function isAbort(error: unknown): error is Error {
  return error instanceof Error && error.name === 'AbortError';
}

function malformed(cause?: unknown): LongshoreError {
  return new LongshoreError('malformed_form', 'The form could not be read to its end.', {
    hint: 'Send multipart/form-data with the field `file`, or the bare file with ?name= in the address.',
    cause,
  });
}

function fileMissing(): LongshoreError {
  return new LongshoreError('file_missing', 'The form holds no file.', { hint: 'Send the file in the field `file`.' });
}

function tooManyFiles(): LongshoreError {
  return new LongshoreError('too_many_files', 'The form holds more than one file.', {
    hint: 'Send one request for each file.',
  });
}
