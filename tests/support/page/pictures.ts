import type { Page } from 'playwright-core';
import type { FurnishedSite } from './furnished-site.ts';

/** A screen in a state worth looking at. */
export interface Picture {
  name: string;
  path: string;
  signedOut?: boolean;
  prepare?: (page: Page) => Promise<void>;
}

/** Every screen, and what opens over it. */
export function pictures(site: FurnishedSite): Picture[] {
  const dataset = (name: string) => `/datasets/${site.datasetIds.get(name)}`;
  const chats = dataset('ferry-support-2026-q3.jsonl');
  return [
    { name: 'sign-in', path: '/', signedOut: true },
    { name: 'datasets', path: '/datasets' },
    { name: 'datasets-search-empty', path: '/datasets?q=nothing-like-this' },
    { name: 'dataset-records', path: chats },
    { name: 'dataset-records-tools', path: dataset('booking-agent-traces.jsonl') },
    { name: 'dataset-records-preference', path: dataset('answer-preferences-v2.jsonl') },
    { name: 'dataset-report', path: `${chats}?tab=report` },
    { name: 'dataset-copies', path: `${chats}?tab=copies` },
    { name: 'secrets', path: '/secrets' },
    { name: 'secrets-aws', path: '/secrets?provider=aws' },
    { name: 'secrets-huggingface', path: '/secrets?provider=huggingface' },
    { name: 'activity', path: '/activity' },
    { name: 'settings-keys', path: '/settings' },
    { name: 'settings-users', path: '/settings?tab=users' },
    { name: 'settings-system', path: '/settings?tab=system' },
    { name: 'new-key', path: '/settings?new=key' },
    {
      name: 'palette',
      path: '/activity',
      prepare: async (page) => {
        await page.keyboard.press('Control+k');
        await page.getByPlaceholder('Find a dataset').fill('ferry');
        await page.getByText('ferry-support-2026-q3.jsonl').waitFor();
      },
    },
    {
      name: 'keyboard',
      path: '/datasets',
      prepare: async (page) => {
        await page.locator('h1').waitFor();
        await page.keyboard.press('?');
        await page.getByRole('dialog').waitFor();
      },
    },
    { name: 'not-found', path: '/nowhere' },
  ];
}
