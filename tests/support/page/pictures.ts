import type { Page } from 'playwright-core';
import type { FurnishedSite } from './furnished-site.ts';
import { brokenFile } from './sample-files.ts';
import { storagePictures } from './storage-pictures.ts';

/** A screen in a state worth looking at. */
export interface Picture {
  name: string;
  path: string;
  signedOut?: boolean;
  /** The key of who looks; default: the admin. */
  key?: string;
  /** Brings the site into the state, once before all shots. */
  arrange?: () => Promise<void>;
  prepare?: (page: Page) => Promise<void>;
}

/** Without servers only the names are good for anything. */
type Named = Pick<FurnishedSite, 'datasetIds' | 'jobId' | 'userKeys'> & Partial<Pick<FurnishedSite, 'server' | 's3'>>;

/** Every screen, and what opens over it. */
export function pictures(site: Named): Picture[] {
  const dataset = (name: string) => `/datasets/${site.datasetIds.get(name)}`;
  const chats = dataset('ferry-support-2026-q3.jsonl');
  return [
    { name: 'sign-in', path: '/', signedOut: true },
    { name: 'datasets', path: '/datasets' },
    { name: 'datasets-empty', path: '/datasets', key: site.userKeys.get('Grace') },
    { name: 'datasets-search-empty', path: '/datasets?q=nothing-like-this' },
    { name: 'dataset-records', path: chats },
    { name: 'dataset-records-tools', path: dataset('booking-agent-traces.jsonl') },
    { name: 'dataset-records-preference', path: dataset('answer-preferences-v2.jsonl') },
    { name: 'dataset-records-raw', path: `${chats}?view=raw&at=400` },
    { name: 'dataset-statistics', path: `${chats}?tab=statistics` },
    { name: 'dataset-report', path: `${chats}?tab=report` },
    { name: 'dataset-copies', path: `${chats}?tab=copies` },
    {
      name: 'dataset-download',
      path: chats,
      prepare: async (page) => {
        await page.getByRole('button', { name: 'Download' }).click();
        await page.getByText('Fetch it without a key').waitFor();
      },
    },
    {
      name: 'dataset-delete',
      path: chats,
      prepare: async (page) => {
        await page.getByRole('button', { name: 'Delete' }).click();
        await page.getByRole('alertdialog').waitFor();
      },
    },
    {
      name: 'upload-refused',
      path: '/datasets',
      prepare: async (page) => {
        const { name, content } = brokenFile();
        const buffer = Buffer.from(content);
        await page.getByLabel('Dataset files').setInputFiles({ name, mimeType: 'application/jsonl', buffer });
        await page.getByText('Nothing was sent').waitFor();
      },
    },
    ...storagePictures(site),
    ...trainingPictures(site),
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

function trainingPictures({
  datasetIds,
  jobId,
  userKeys,
}: Pick<FurnishedSite, 'datasetIds' | 'jobId' | 'userKeys'>): Picture[] {
  const check = async (page: Page) => {
    await page.getByRole('button', { name: 'Check only' }).click();
    await page.getByText('Nothing was rented and no job was made.').waitFor();
  };
  return [
    { name: 'training', path: '/training' },
    { name: 'training-empty', path: '/training', key: userKeys.get('Grace') },
    { name: 'training-job', path: `/training/${jobId}` },
    {
      name: 'training-metrics',
      path: `/training/${jobId}?tab=metrics`,
      prepare: (page) => page.locator('.recharts-line-curve').first().waitFor(),
    },
    { name: 'training-stages', path: `/training/${jobId}?tab=steps` },
    { name: 'training-start', path: '/training?new=1' },
    {
      name: 'training-runpod',
      path: `/training?new=1&target=runpod&dataset=${datasetIds.get('ferry-support-2026-q3.jsonl')}`,
      prepare: check,
    },
  ];
}
