import type { Locator, Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { awsSecret, send, uploadFile } from '../support/page/furnished-site.ts';
import { conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';

const lab = browserLab(async ({ server, s3 }) => {
  await send(server, 'PUT', '/api/secrets/aws', awsSecret(s3));
  for (const phase of ['dual_write', 'hybrid_read']) await send(server, 'POST', '/api/storage/phase', { phase });
});

test('a lost first copy: the page says which copy answers and why, and shows it mended without a reload', {
  timeout: 90_000,
}, async () => {
  const { s3, server } = lab.site;
  const id = await uploadFile(server, conversations('night-ferry.jsonl', 60));
  const { page, complaints, close } = await lab.open(`/datasets/${id}`);
  await page.getByText('2 of 2 verified').waitFor();
  const key = objectOf(id);
  s3.faults.add({ operation: 'PutObject', path: id, action: { kind: 'status', status: 503, code: 'SlowDown' } });
  await s3.objects.remove(key);

  await openedDownload(page, 'it is missing');
  await page.getByText('It is served by Disk').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('tab', { name: 'Copies' }).click();
  await copy(page, /^S3.*missing/).waitFor();
  await copy(page, /^Disk.*serves downloads/).waitFor();

  s3.faults.clear();
  await page.getByRole('button', { name: 'Repair' }).click();
  // Longer than the store is left alone after it has failed several times.
  await copy(page, /^S3.*verified.*serves downloads/).waitFor({ timeout: 60_000 });
  await copy(page, /missing|deleting/).waitFor({ state: 'detached' });
  expect(s3.objects.keys()).not.toContain(key);
  expect(complaints).toEqual([]);
  await close();
});

test('reading back says which copy is damaged, and shows it made anew', async () => {
  const { s3, server } = lab.site;
  const id = await uploadFile(server, conversations('ice-harbour.jsonl', 40));
  const { page, close } = await lab.open(`/datasets/${id}`);
  await page.getByText('2 of 2 verified').waitFor();
  await s3.objects.corrupt(objectOf(id), 40);
  await page.getByRole('tab', { name: 'Copies' }).click();
  await page.getByRole('button', { name: 'Verify now' }).click();
  await page.getByText(/^S3 differs/).waitFor();
  await page.getByText('is made anew from a good copy').waitFor();
  await copy(page, /corrupt|deleting/).waitFor({ state: 'detached' });
  await copy(page, /^S3 ?verified/).waitFor();
  await close();
});

test('while the first store is down the records are read from the other, and a download says so', async () => {
  const { s3, server } = lab.site;
  const id = await uploadFile(server, conversations('fog-horn.jsonl', 40));
  const { page, complaints, close } = await lab.open(`/datasets/${id}?tab=statistics`);
  await page.getByText('2 of 2 verified').waitFor();
  await s3.stop();
  await page.getByRole('tab', { name: 'Records' }).click();
  await page.getByRole('button', { name: 'Copy the JSON of record 10' }).waitFor();
  await page.getByRole('button', { name: 'Download' }).click();
  await page.getByText(/^The copy in S3 was passed over: (its store does not|it was slow to) answer/).waitFor();
  await s3.start();
  expect(complaints).toEqual([]);
  await close();
});

/** Opens the dialog until it gives this reason: on a busy machine a store may be passed over for being slow. */
async function openedDownload(page: Page, reason: string): Promise<void> {
  const told = page.getByText(/^The copy in S3 was passed over/);
  for (;;) {
    await page.getByRole('button', { name: 'Download' }).first().click();
    await told.waitFor();
    if ((await told.textContent())?.includes(reason)) return;
    await page.keyboard.press('Escape');
    await told.waitFor({ state: 'detached' });
  }
}

function copy(page: Page, words: RegExp): Locator {
  return page.getByRole('list', { name: 'Copies' }).getByRole('listitem').filter({ hasText: words });
}

function objectOf(datasetId: string): string {
  const key = lab.site.s3.objects.keys().find((one) => one.includes(datasetId) && one.endsWith('.gz'));
  if (key === undefined) throw new Error(`S3 holds no copy of ${datasetId}`);
  return key;
}
