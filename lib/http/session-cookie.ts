/**
 * The browser's session cookie: not readable by scripts, not sent by other sites. Its name carries the installation, so
 * that two on one host (ports share cookies) do not sign each other out.
 */
export class SessionCookie {
  readonly #tag: string;
  readonly #publicUrl: URL | undefined;

  /** @param publicUrl tells whether people come by https, where a proxy in front of us ends it */
  constructor(tag: string, publicUrl: URL | undefined) {
    this.#tag = tag;
    this.#publicUrl = publicUrl;
  }

  read(request: Request): string | undefined {
    const wanted = this.#name(request);
    const pairs = (request.headers.get('cookie') ?? '').split(';').map((pair) => pair.trim().split('='));
    return pairs.find(([name]) => name === wanted)?.[1];
  }

  /** Values for Set-Cookie. */
  set(request: Request, token: string, expiresAt: Date): string {
    return `${this.#name(request)}=${token}; Expires=${expiresAt.toUTCString()}; ${this.#attributes(request)}`;
  }

  clear(request: Request): string {
    return `${this.#name(request)}=; Max-Age=0; ${this.#attributes(request)}`;
  }

  /** `__Host-` binds a cookie to this host and to https; browsers refuse it on plain http. */
  #name(request: Request): string {
    return `${this.#secure(request) ? '__Host-' : ''}longshore_${this.#tag}`;
  }

  #attributes(request: Request): string {
    return `Path=/; HttpOnly; SameSite=Strict${this.#secure(request) ? '; Secure' : ''}`;
  }

  #secure(request: Request): boolean {
    return (this.#publicUrl ?? new URL(request.url)).protocol === 'https:';
  }
}
