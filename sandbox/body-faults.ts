import type { FaultAction, FaultSide } from './faults.ts';

/** Thrown inside a body to end its connection: `close` sends what is buffered and then FIN, `reset` sends RST. */
export class ConnectionCut extends Error {
  readonly how: 'close' | 'reset';

  constructor(how: 'close' | 'reset') {
    super(`sandbox fault: connection ${how}`);
    this.name = 'ConnectionCut';
    this.how = how;
  }
}

type Body = AsyncIterable<Buffer>;

/** Wraps one side's body in every fault that concerns it. `signal` fires when the connection is gone. */
export function withBodyFaults(body: Body, side: FaultSide, faults: readonly FaultAction[], signal: AbortSignal): Body {
  return faults.reduce((inner, fault) => wrap(inner, side, fault, signal), body);
}

function wrap(body: Body, side: FaultSide, fault: FaultAction, signal: AbortSignal): Body {
  if (fault.kind === 'bit_flip' && (fault.side ?? 'response') === side) return flipped(body, fault.atByte ?? 0);
  if (fault.kind === 'truncate' && (fault.side ?? 'response') === side) {
    return side === 'request' ? firstBytes(body, fault.afterBytes) : cut(body, fault.afterBytes, 'close');
  }
  if (fault.kind === 'reset' && fault.when === side) return cut(body, fault.afterBytes ?? 0, 'reset');
  if (fault.kind === 'stall' && fault.when === side) return stalled(body, fault.afterBytes ?? 0, signal);
  return body;
}

/** True when a fault needs the response's headers out even before its first byte. */
export function cutsBody(faults: readonly FaultAction[], side: FaultSide): boolean {
  return faults.some(
    (f) =>
      (f.kind === 'truncate' && (f.side ?? 'response') === side) ||
      ((f.kind === 'reset' || f.kind === 'stall') && f.when === side),
  );
}

async function* firstBytes(body: Body, limit: number): Body {
  let left = limit;
  if (left <= 0) return;
  for await (const chunk of body) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}

async function* cut(body: Body, afterBytes: number, how: 'close' | 'reset'): Body {
  yield* firstBytes(body, afterBytes);
  throw new ConnectionCut(how);
}

async function* stalled(body: Body, afterBytes: number, signal: AbortSignal): Body {
  yield* firstBytes(body, afterBytes);
  await gone(signal);
  throw new ConnectionCut('close');
}

/** Flips the lowest bit of one byte; `atByte` past the end flips nothing. */
async function* flipped(body: Body, atByte: number): Body {
  let offset = 0;
  for await (const chunk of body) {
    const index = atByte - offset;
    offset += chunk.length;
    if (index < 0 || index >= chunk.length) yield chunk;
    else {
      const copy = Buffer.from(chunk);
      copy[index] = (copy[index] ?? 0) ^ 1;
      yield copy;
    }
  }
}

/** Resolves when the other side gives up, or the server closes. */
export function gone(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
