import { z } from 'zod';
import { LongshoreError } from '@/lib/errors.ts';
import { readForm, readJson } from '@/lib/http/body.ts';
import type { Call } from '@/lib/http/endpoint.ts';
import { requireOwnOrigin } from '@/lib/http/origin.ts';
import { plainPage } from '@/lib/http/plain-page.ts';
import { statusOf } from '@/lib/http/problem.ts';
import { noContent, redirect } from '@/lib/http/responses.ts';

const credentials = z.object({ key: z.string().trim().min(1).max(8192) });

/**
 * GET /signin?key=: exchanges the key for a cookie and goes to the page, without the key in the address. Looking ahead
 * (HEAD, a browser's prefetch) spends nothing.
 */
export async function answerSignInLink({ app, request, url }: Call): Promise<Response> {
  const key = url.searchParams.get('key');
  if (key === null || key === '') return signInPage(200);
  const ahead = request.method === 'HEAD' || (request.headers.get('sec-purpose') ?? '').includes('prefetch');
  if (ahead) return noContent();
  try {
    return redirect('/', 303, { 'Set-Cookie': await app.signIn.start(request, key) });
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    // The link was opened again in a browser that is signed in: what was wanted is there.
    if ((await app.signIn.current(request)) !== undefined) return redirect('/', 303);
    if (!wantsHtml(request)) throw error;
    return signInPage(statusOf(error), error);
  }
}

/** POST /signin: `{ key }` as JSON (answers 204) or from the form (answers with the page). */
export async function answerSignIn({ app, request }: Call): Promise<Response> {
  requireOwnOrigin(request, app.config.publicUrl?.origin);
  const form = isForm(request);
  const { key } = credentials.parse(form ? await readForm(request) : await readJson(request));
  try {
    const headers = { 'Set-Cookie': await app.signIn.start(request, key) };
    return form ? redirect('/', 303, headers) : noContent(headers);
  } catch (error) {
    if (!form || !(error instanceof LongshoreError)) throw error;
    return signInPage(statusOf(error), error);
  }
}

/** DELETE /signin: signs out. Signed out already is fine. */
export async function answerSignOut({ app, request }: Call): Promise<Response> {
  requireOwnOrigin(request, app.config.publicUrl?.origin);
  return noContent({ 'Set-Cookie': await app.signIn.end(request) });
}

function signInPage(status: number, error?: LongshoreError): Response {
  const told = error === undefined ? [] : [error.message, ...(error.hint === undefined ? [] : [error.hint])];
  const paragraphs = [...told, 'Use the link that the server printed when it started, or an API key.'];
  return plainPage({ status, title: 'Sign in to Longshore', paragraphs, keyForm: '/signin' });
}

function isForm(request: Request): boolean {
  return /^application\/x-www-form-urlencoded\b/i.test(request.headers.get('content-type') ?? '');
}

function wantsHtml(request: Request): boolean {
  return (request.headers.get('accept') ?? '').includes('text/html');
}
