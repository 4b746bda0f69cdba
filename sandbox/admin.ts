import type { AdminRequest, Exchange, Reply, SandboxApp } from './exchange.ts';
import { readAll } from './exchange.ts';
import type { FaultInjector, FaultRule } from './faults.ts';
import type { RequestLog } from './request-log.ts';
import type { Bandwidth, Throttle } from './throttle.ts';

const PREFIX = '/__sandbox/';

interface AdminParts {
  app: SandboxApp;
  faults: FaultInjector;
  throttle: Throttle;
  log: RequestLog;
}

export function isAdminPath(path: string): boolean {
  return path.startsWith(PREFIX);
}

/**
 * The switch for other processes: JSON over /__sandbox/. `faults` (GET, POST a rule, DELETE all or one by id),
 * `throttle` (GET, PUT), `requests` (GET ?operation=, DELETE), `health`, and what the server itself adds.
 * Only from loopback, and never from a page in a browser.
 */
export async function answerAdmin(exchange: Exchange, parts: AdminParts): Promise<Reply> {
  if (!isLocal(exchange)) return json(403, { error: 'only from this machine, and not from a browser' });
  const text = (await readAll(exchange.body, 1 << 20)).toString();
  const request: AdminRequest = {
    method: exchange.method,
    parts: exchange.path.slice(PREFIX.length).split('/').map(decodeURIComponent),
    query: exchange.query,
    body: text === '' ? undefined : JSON.parse(text),
  };
  const answer = common(request, parts) ?? (await parts.app.admin?.(request));
  return answer === undefined ? json(404, { error: `unknown: ${request.parts.join('/')}` }) : json(200, answer);
}

function isLocal({ request, headers }: Exchange): boolean {
  const address = request.socket.remoteAddress ?? '';
  return headers.origin === undefined && /^(::ffff:)?127\.|^::1$/.test(address);
}

function common({ method, parts, query, body }: AdminRequest, to: AdminParts): unknown {
  const [name, id] = parts;
  if (name === 'health') return { status: 'ok' };
  if (name === 'faults') return faults(method, id, body, to.faults);
  if (name === 'throttle') {
    if (method === 'PUT') to.throttle.set(body as Bandwidth);
    return to.throttle.bandwidth;
  }
  if (name !== 'requests') return undefined;
  if (method === 'DELETE') to.log.clear();
  return to.log.list(query.get('operation') ?? undefined);
}

function faults(method: string, id: string | undefined, body: unknown, injector: FaultInjector): unknown {
  if (method === 'POST') return { id: injector.add(body as FaultRule) };
  if (method === 'DELETE' && id === undefined) injector.clear();
  else if (method === 'DELETE') return { removed: injector.remove(id ?? '') };
  return injector.list();
}

function json(status: number, body: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}
