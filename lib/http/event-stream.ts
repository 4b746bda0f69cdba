import { Readable } from 'node:stream';
import type { EventHub, EventReader, NumberedEvent } from '@/lib/http/events.ts';
import { stream } from '@/lib/http/responses.ts';

/** Below the idle limit of browsers, proxies and our own server. */
const HEARTBEAT_MS = 15_000;

/** Server-sent events: one `event: <topic>` a change, `event: reset` when the page should load everything again. */
export function eventStreamResponse(hub: EventHub, reader: Omit<EventReader, 'quietMs'>): Response {
  const body = Readable.from(frames(hub, { ...reader, quietMs: HEARTBEAT_MS }), { objectMode: false });
  return stream(body, { headers: { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' } });
}

async function* frames(hub: EventHub, reader: EventReader): AsyncGenerator<string> {
  yield 'retry: 2000\n\n';
  for await (const next of hub.subscribe(reader)) yield frame(hub, next);
}

function frame(hub: EventHub, next: NumberedEvent | 'reset' | 'quiet'): string {
  if (next === 'quiet') return ': still here\n\n';
  if (next === 'reset') return 'event: reset\ndata: {}\n\n';
  const { topic, ...rest } = next.event;
  return `id: ${hub.epoch}.${next.id}\nevent: ${topic}\ndata: ${JSON.stringify(rest)}\n\n`;
}
