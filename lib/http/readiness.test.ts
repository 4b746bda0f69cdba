import { describe, expect, it } from 'vitest';
import { Readiness } from './readiness.ts';

function readiness(stores: Record<string, boolean>): Readiness {
  const made = new Readiness();
  made.add('database', async () => undefined);
  made.watchStores(async () => stores);
  return made;
}

describe('readiness', () => {
  it('is ready while everything answers', async () => {
    expect(await readiness({ base_store: true }).check()).toEqual({
      state: 'ready',
      checks: { database: 'ok', accepting: 'ok' },
      stores: { base_store: 'ok' },
    });
  });

  it('is degraded while one store stands in for another, and not ready without any', async () => {
    const one = await readiness({ base_store: false, platform_store: true }).check();
    expect(one).toMatchObject({ state: 'degraded', stores: { base_store: 'failed', platform_store: 'ok' } });
    expect((await readiness({ base_store: false, platform_store: false }).check()).state).toBe('not_ready');
    expect((await readiness({}).check()).state).toBe('ready');
  });

  it('is not ready without the database, nor once it is told to stop', async () => {
    const without = readiness({ base_store: true });
    without.add('database', () => Promise.reject(new Error('gone')));
    expect(await without.check()).toMatchObject({ state: 'not_ready', checks: { database: 'failed' } });
    const stopping = readiness({ base_store: true });
    stopping.startStopping();
    expect(await stopping.check()).toMatchObject({ state: 'not_ready', checks: { accepting: 'failed' } });
  });
});
