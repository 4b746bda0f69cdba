import { randomBytes } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { send, uploadFile } from '../support/page/furnished-site.ts';
import { conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';

const lab = browserLab();

interface Key {
  accessKeyId: string;
  secretAccessKey: string;
}

/** Another key of the sandbox's account. */
function newKey(name: string, deny: string[] = []): Key {
  const key = {
    accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
    secretAccessKey: randomBytes(30).toString('base64'),
  };
  lab.site.s3.identities.addUser({ name, ...key, deny });
  return key;
}

async function fillKey(page: Page, { accessKeyId, secretAccessKey }: Key): Promise<void> {
  await page.getByLabel('Access key ID').fill(accessKeyId);
  await secretField(page).fill(secretAccessKey);
}

/** The button beside it, which shows what was typed, is named after it. */
function secretField(page: Page) {
  return page.getByRole('textbox', { name: /^Secret access key/ });
}

test('a secret is tested in stages, stored, rotated, and deleted when nothing depends on it', async () => {
  const { page, complaints, close } = await lab.open('/secrets');
  const { s3, server } = lab.site;
  await page.getByRole('link', { name: /^AWS S3/ }).click();

  await fillKey(page, newKey('reader', ['s3:PutObject']));
  await page.getByLabel('Bucket', { exact: true }).fill('ada-datasets');
  await page.getByText('Another store than AWS, or roles').click();
  await page.getByLabel('Endpoint').fill(s3.url);
  await page.getByRole('button', { name: 'Test only' }).click();
  await page.getByRole('button', { name: 'Use region eu-west-1' }).click();
  await page.getByRole('button', { name: 'Test only' }).click();
  await page.getByText('Missing: s3:PutObject').first().waitFor();
  expect(await page.getByRole('img', { name: 'passed' }).count()).toBeGreaterThan(1);

  await fillKey(page, s3);
  await page.getByRole('button', { name: 'Test and save' }).click();
  const inUse = page.getByRole('region', { name: 'In use' });
  await inUse.getByText(`ends with ${s3.accessKeyId.slice(-4)}`).waitFor();
  await inUse.getByText('Everything that was tested works.').waitFor();
  expect(await secretField(page).inputValue()).toBe('');
  await inUse.getByText('stages with nothing to remark').click();
  await inUse.getByText('Large objects can be written in parts.').waitFor();

  const next = newKey('successor');
  await fillKey(page, next);
  await page.getByRole('button', { name: 'Test and save' }).click();
  await inUse.getByText(`ends with ${next.accessKeyId.slice(-4)}`).waitFor();

  for (const phase of ['dual_write', 'hybrid_read', 's3_primary']) {
    const forced = { confirm: true, force: true, reason: 'for a sole copy' };
    await send(server, 'POST', '/api/storage/phase', { phase, ...(phase === 's3_primary' ? forced : {}) });
  }
  const dataset = await uploadFile(server, conversations('only-in-s3.jsonl', 20));
  await page.getByText('It reaches 1 copy of 1 dataset.').waitFor();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  const question = page.getByRole('alertdialog');
  await question.getByText('1 dataset has its only copy in this bucket').waitFor();
  await question.getByRole('button', { name: 'Delete secret' }).click();
  await question.getByRole('alert').waitFor();
  await question.getByRole('link', { name: 'only-in-s3.jsonl' }).click();
  await page.getByRole('heading', { name: 'only-in-s3.jsonl' }).waitFor();
  expect(new URL(page.url()).pathname).toBe(`/datasets/${dataset}`);

  await server.fetch(`/api/training/dataset/${dataset}`, { method: 'DELETE' });
  await page.getByRole('link', { name: 'Secrets', exact: true }).first().click();
  await page.getByRole('link', { name: /^AWS S3/ }).click();
  await page.getByRole('button', { name: 'Delete', exact: true }).click();
  await question.getByText('All versions of it are erased here').waitFor();
  await question.getByText('No dataset has a copy in its bucket.').waitFor();
  await question.getByRole('button', { name: 'Delete secret' }).click();
  await page.getByText('The AWS S3 secret was deleted.').waitFor();
  await page.getByRole('link', { name: /^AWS S3 not set/ }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});
