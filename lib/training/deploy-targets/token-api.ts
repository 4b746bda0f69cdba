import type { HttpReply, HttpSend } from '@/lib/secrets/http-port.ts';
import type { Secret } from '@/lib/secrets/secrets.types.ts';
import type { HttpCall } from '@/lib/storage/http-client.ts';
import type { ProviderGate } from './provider-gate.ts';

export interface TokenCall {
  method: HttpCall['method'];
  /** Below the base URL, without a slash at its beginning. */
  path: string;
  query?: Readonly<Record<string, string>>;
  body?: unknown;
  /** Default: GET and DELETE are. */
  repeatable?: boolean;
  signal?: AbortSignal;
}

/** JSON over HTTP to a provider that knows users by a bearer token. */
export class TokenApi {
  readonly #baseUrl: string;
  readonly #send: HttpSend;
  readonly #gate: ProviderGate;

  constructor(parts: { baseUrl: string; send: HttpSend; gate: ProviderGate }) {
    this.#baseUrl = parts.baseUrl.replace(/\/+$/, '');
    this.#send = parts.send;
    this.#gate = parts.gate;
  }

  urlOf(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(`${this.#baseUrl}/${path}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url;
  }

  /** Any answer but 429 and 5xx. @throws target_unavailable, target_rate_limited */
  call(secret: Secret<'runpod' | 'lambda'>, call: TokenCall): Promise<HttpReply> {
    const { method, body } = call;
    const headers: Record<string, string> = {
      accept: 'application/json',
      authorization: `Bearer ${secret.api_key}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const url = this.urlOf(call.path, call.query);
    return this.#gate.ask((signal) => this.#send({ method, url, headers, body: bytes, signal }), {
      account: secret.id,
      repeatable: call.repeatable ?? (method === 'GET' || method === 'DELETE'),
      signal: call.signal,
    });
  }
}
