import { Readable } from 'node:stream';
import type { EventHub, NumberedEvent } from '@/lib/http/events.ts';
import { stream } from '@/lib/http/responses.ts';

/** Below the idle limit of browsers, proxies and our own server. */
const HEARTBEAT_MS = 15_000;

/** Server-sent events: one `event: <topic>` a change, `event: reset` when the page should load everything again. */
export function eventStreamResponse(
  hub: EventHub,
  reader: { userId: string; admin: boolean; lastEventId?: string; signal: AbortSignal },
): Response {
  const gone = new AbortController();
  const signal = AbortSignal.any([reader.signal, gone.signal]);
  const body = Readable.from(frames(hub, { ...reader, signal }), { objectMode: false });
  const heartbeat = setInterval(() => body.push(': still here\n\n'), HEARTBEAT_MS);
  body.once('close', () => {
    clearInterval(heartbeat);
    gone.abort();
  });
  return stream(body, { headers: { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' } });
}

async function* frames(hub: EventHub, reader: Parameters<EventHub['subscribe']>[0]): AsyncGenerator<string> {
  yield 'retry: 2000\n\n';
  for await (const next of hub.subscribe(reader)) yield frame(hub, next);
}

function frame(hub: EventHub, next: NumberedEvent | 'reset'): string {
  if (next === 'reset') return 'event: reset\ndata: {}\n\n';
  const { topic, ...rest } = next.event;
  return `id: ${hub.epoch}.${next.id}\nevent: ${topic}\ndata: ${JSON.stringify(rest)}\n\n`;
}
