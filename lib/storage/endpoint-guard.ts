import { lookup as systemLookup } from 'node:dns/promises';
import http from 'node:http';
import https from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Duplex } from 'node:stream';
import { addressRefusal } from '@/lib/storage/address-rules.ts';

export interface ResolvedAddress {
  address: string;
  family: number;
}

export interface EndpointGuardOptions {
  /** For installations whose stores are on the own network, and for tests. */
  allowPrivateEndpoints: boolean;
  /** How names become addresses. Default: the system's resolver. */
  resolve?: (hostname: string) => Promise<ResolvedAddress[]>;
  /** Connections at a time to one host. Default 64. */
  maxSockets?: number;
}

/** An endpoint that Longshore does not connect to. `code` is the same for every reason. */
export class EndpointRefusedError extends Error {
  readonly code = 'ERR_ENDPOINT_REFUSED';

  constructor(host: string, reason: string) {
    super(`Connecting to ${host} is refused: ${reason}.`);
    this.name = 'EndpointRefusedError';
  }
}

type ConnectCallback = (error: Error | null, socket: Duplex) => void;

/**
 * Stands between user-given endpoints and this machine's network. Every new connection is judged by the address that it
 * really goes to, at the moment it is made: a name that changes its address between check and use gains nothing.
 * One guard for the process: its agents keep connections open and are shared by all stores.
 */
export class EndpointGuard {
  readonly httpAgent: http.Agent;
  readonly httpsAgent: https.Agent;
  readonly allowPrivateEndpoints: boolean;
  private readonly resolve: (hostname: string) => Promise<ResolvedAddress[]>;

  constructor(options: EndpointGuardOptions) {
    this.allowPrivateEndpoints = options.allowPrivateEndpoints;
    this.resolve = options.resolve ?? ((hostname) => systemLookup(hostname, { all: true }));
    const settings = { keepAlive: true, maxSockets: options.maxSockets ?? 64, scheduling: 'lifo' } as const;
    this.httpAgent = new GuardedHttpAgent(this, settings);
    this.httpsAgent = new GuardedHttpsAgent(this, settings);
  }

  /** The endpoint as a URL. Throws EndpointRefusedError for what can be refused before any name is looked up. */
  parseEndpoint(endpoint: string): URL {
    if (!URL.canParse(endpoint)) throw new EndpointRefusedError('this endpoint', 'it is not a URL');
    const url = new URL(endpoint);
    if (url.protocol !== 'https:' && url.protocol !== 'http:')
      throw new EndpointRefusedError(url.host, 'it is not http(s)');
    if (url.username !== '' || url.password !== '') throw new EndpointRefusedError(url.host, 'it carries credentials');
    this.checkHost(url.hostname.replace(/^\[|\]$/g, ''));
    return url;
  }

  /** Judges a host that is an address literal; names are judged by `lookup`. */
  checkHost(host: string): void {
    if (isIP(host) !== 0) this.checkAddress(host, host);
  }

  /** A `lookup` for sockets that fails when any address of the name is one that may not be connected to. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    this.resolveChecked(hostname, Number(options.family ?? 0)).then(
      (found) => {
        if (options.all) callback(null, found);
        else callback(null, found[0]?.address ?? '', found[0]?.family);
      },
      (error) => callback(error, ''),
    );
  };

  /** Closes idle connections. Called once, at shutdown. */
  close(): void {
    this.httpAgent.destroy();
    this.httpsAgent.destroy();
  }

  private async resolveChecked(hostname: string, family: number): Promise<ResolvedAddress[]> {
    const found = await this.resolve(hostname);
    for (const { address } of found) this.checkAddress(hostname, address);
    const wanted = found.filter((entry) => family === 0 || entry.family === family);
    if (wanted.length > 0) return wanted;
    throw Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' });
  }

  private checkAddress(host: string, address: string): void {
    if (this.allowPrivateEndpoints) return;
    const reason = addressRefusal(address);
    if (reason !== undefined) throw new EndpointRefusedError(host, `its address is ${reason}`);
  }
}

class GuardedHttpAgent extends http.Agent {
  private readonly guard: EndpointGuard;

  constructor(guard: EndpointGuard, settings: http.AgentOptions) {
    super(settings);
    this.guard = guard;
  }

  override createConnection(options: http.ClientRequestArgs, callback?: ConnectCallback): Duplex | null | undefined {
    if (refusedBefore(this.guard, options, callback)) return undefined;
    return super.createConnection({ ...options, lookup: this.guard.lookup }, callback);
  }
}

class GuardedHttpsAgent extends https.Agent {
  private readonly guard: EndpointGuard;

  constructor(guard: EndpointGuard, settings: https.AgentOptions) {
    super(settings);
    this.guard = guard;
  }

  override createConnection(options: https.RequestOptions, callback?: ConnectCallback): Duplex | null | undefined {
    if (refusedBefore(this.guard, options, callback)) return undefined;
    return super.createConnection({ ...options, lookup: this.guard.lookup }, callback);
  }
}

/** Sockets do not look up address literals, so these are judged here. True when the callback was given an error. */
function refusedBefore(
  guard: EndpointGuard,
  options: http.ClientRequestArgs,
  callback: ConnectCallback | undefined,
): boolean {
  try {
    guard.checkHost(options.host ?? options.hostname ?? '');
    return false;
  } catch (error) {
    // The callback's socket is absent exactly when there is an error; Node's own type cannot say so.
    process.nextTick(() => (callback as ((error: unknown) => void) | undefined)?.(error));
    return true;
  }
}
