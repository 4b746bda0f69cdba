import { afterEach, describe, expect, test } from 'vitest';
import { eventStreamResponse } from './event-stream.ts';
import { EventHub, type EventReader, type LongshoreEvent, type NumberedEvent } from './events.ts';

const event = (subject: string): LongshoreEvent => ({ topic: 'dataset', type: 'updated', subject });

describe('events', () => {
  const hub = new EventHub('epoch1');
  const stopping: AbortController[] = [];
  afterEach(() => {
    for (const controller of stopping.splice(0)) controller.abort();
  });

  function reader(options: Partial<EventReader> = {}) {
    const controller = new AbortController();
    stopping.push(controller);
    const wanted = { userId: 'u1', admin: false, quietMs: 60_000, signal: controller.signal, ...options };
    const events = hub.subscribe(wanted);
    return { events, next: async () => (await events.next()).value, stop: () => controller.abort() };
  }

  const subjectOf = (next: unknown) => (next as NumberedEvent).event.subject;

  test('go to the user they belong to and nobody else', async () => {
    const [ada, bob] = [reader(), reader({ userId: 'u2' })];
    const [toAda, toBob] = [ada.next(), bob.next()];
    hub.publish('u2', event('of bob'));
    hub.publish('u1', event('of ada'));
    expect([subjectOf(await toAda), subjectOf(await toBob)]).toEqual(['of ada', 'of bob']);
  });

  test('of the installation go to admins', async () => {
    const [admin, member] = [reader({ userId: 'a', admin: true }), reader()];
    const [toAdmin, toMember] = [admin.next(), member.next()];
    hub.publishToAdmins({ topic: 'storage', type: 'updated', subject: 'phase' });
    hub.publish('u1', event('own'));
    expect([subjectOf(await toAdmin), subjectOf(await toMember)]).toEqual(['phase', 'own']);
  });

  test('a reader that comes back gets what it missed, once', async () => {
    const first = reader({ userId: 'back' });
    const pending = first.next();
    hub.publish('back', event('seen'));
    const seen = (await pending) as NumberedEvent;
    first.stop();
    hub.publish('back', event('missed'));
    const again = reader({ userId: 'back', lastEventId: `epoch1.${seen.id}` });
    expect(subjectOf(await again.next())).toBe('missed');
    const later = again.next();
    hub.publish('back', event('new'));
    expect(subjectOf(await later)).toBe('new');
  });

  test.each(['epoch0.5', 'nonsense', 'epoch1.x'])('after %s it is told to load everything', async (lastEventId) => {
    expect(await reader({ lastEventId }).next()).toBe('reset');
  });

  test('a reader that was away for too many events is told to load everything', async () => {
    for (let i = 0; i < 200; i++) hub.publish('busy', event(String(i)));
    expect(await reader({ userId: 'busy', lastEventId: 'epoch1.1' }).next()).toBe('reset');
  });

  test('a reader that does not read is told to load everything, and what waited is dropped', async () => {
    const slow = reader({ userId: 'slow' });
    const first = slow.next();
    for (let i = 0; i < 10_000; i++) hub.publish('slow', event(String(i)));
    expect(await first).toBe('reset');
    const after = slow.next();
    hub.publish('slow', event('after'));
    expect(subjectOf(await after)).toBe('after');
  });

  test('a reader that leaves is forgotten', async () => {
    const before = hub.subscriberCount;
    const one = reader({ userId: 'leaver' });
    const pending = one.next();
    expect(hub.subscriberCount).toBe(before + 1);
    one.stop();
    expect(await pending).toBeUndefined();
    expect(hub.subscriberCount).toBe(before);
  });

  test('as a stream: numbered, named by topic, with signs of life, ended by the hub', async () => {
    const own = new EventHub('e');
    const signal = new AbortController().signal;
    const response = eventStreamResponse(own, { userId: 'u', admin: false, signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const body = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect((await body?.read())?.value).toBe('retry: 2000\n\n');
    const frame = body?.read();
    own.publish('u', { topic: 'job', type: 'progress', subject: 'j1', data: { done: 1 } });
    expect((await frame)?.value).toBe(
      'id: e.1\nevent: job\ndata: {"type":"progress","subject":"j1","data":{"done":1}}\n\n',
    );
    own.close();
    expect((await body?.read())?.done).toBe(true);
  });

  test('silence is broken by a sign of life', async () => {
    expect(await reader({ quietMs: 5 }).next()).toBe('quiet');
  });
});
