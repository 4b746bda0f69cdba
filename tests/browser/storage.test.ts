import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { awsSecret, send, uploadFile } from '../support/page/furnished-site.ts';
import { conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';

/** So slow that a run is seen to be under way, until the throttle is taken off. */
const SLOW_BYTES_PER_SECOND = 40_000;
const NAMES = ['spring', 'summer', 'autumn', 'winter'];

const ids = new Map<string, string>();
const lab = browserLab(async ({ server }) => {
  for (const name of NAMES) ids.set(name, await uploadFile(server, conversations(`${name}.jsonl`, 400)));
});

function openTab(page: Page, name: string): Promise<void> {
  return page.getByRole('tab', { name }).click();
}

test('a phase is entered when its gate opens, and the way back says what follows', async () => {
  const { server, s3 } = lab.site;
  const { page, complaints, close } = await lab.open('/storage?tab=phase');
  const next = page.getByRole('region', { name: /^Next: / });
  const question = page.getByRole('alertdialog');
  await next.getByText('Closed: 0 of 1 buckets').waitFor();
  await next.getByRole('button', { name: 'Force …' }).click();
  await question.getByText('Not so yet: A bucket').waitFor();
  expect(await question.getByRole('button', { name: 'Force Dual write' }).isDisabled()).toBe(true);
  await question.getByRole('button', { name: 'Cancel' }).click();

  await send(server, 'PUT', '/api/secrets/aws', awsSecret(s3));
  await next.getByRole('button', { name: 'Check again' }).click();
  await next.getByText('Open: 1 of 1 buckets').waitFor();
  await next.getByRole('button', { name: 'Enter Dual write' }).click();
  await question.getByText('From now on every new dataset is written to the base store and to S3.').waitFor();
  await question.getByText('you can step back at any time').waitFor();
  await question.getByRole('button', { name: 'Enter Dual write' }).click();
  await page.getByText('The phase is Dual write now.').waitFor();

  const back = page.getByRole('region', { name: 'The way back: Base only' });
  await back.getByRole('button', { name: 'Step back' }).click();
  await question.getByText('New datasets are kept in the base store only.').waitFor();
  await question.getByText('Every dataset stays readable; nothing is deleted.').waitFor();
  await question.getByLabel('Reason').fill('only a look');
  await question.getByRole('button', { name: 'Go back to Base only' }).click();
  await page.getByRole('region', { name: 'Next: Dual write' }).waitFor();
  await page.getByRole('region', { name: 'How it came to be' }).getByText('only a look').waitFor();

  await send(server, 'POST', '/api/storage/phase', { phase: 'dual_write' });
  await page.getByRole('region', { name: 'The way back: Base only' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

test('a migration is estimated, planned, watched, paused, mended and proved, without a reload', async () => {
  const { s3 } = lab.site;
  const { page, complaints, close } = await lab.open('/storage?tab=estimate');
  await page.getByText('4 datasets').first().waitFor();
  await openTab(page, 'Migration');
  await page.getByRole('button', { name: 'Plan a run' }).click();
  await page.getByRole('button', { name: 'Plan', exact: true }).click();
  const run = page.getByRole('region', { name: 'Migration run' });
  await run.getByText('Nothing has been copied').waitFor();

  s3.throttle.set({ upBytesPerSecond: SLOW_BYTES_PER_SECOND });
  const refused = { kind: 'status', status: 403, code: 'AccessDenied' } as const;
  s3.faults.add({ operation: 'PutObject', path: ids.get('winter'), action: refused });
  await run.getByRole('button', { name: 'Start' }).click();
  await run.getByText('running', { exact: true }).waitFor();
  await page.getByText(/[1-3] of 4/).waitFor();
  await run.getByRole('button', { name: 'Pause' }).click();
  await run.getByText('paused', { exact: true }).waitFor();
  s3.throttle.set({});
  await run.getByRole('button', { name: 'Resume' }).click();

  const why = page.getByRole('region', { name: 'Why datasets were not moved' });
  await why.getByRole('button', { name: 'Show 1' }).click();
  const items = page.getByRole('table', { name: 'Datasets of the run' });
  await items.getByRole('row', { name: /winter/ }).waitFor();
  s3.faults.clear();
  await run.getByRole('button', { name: 'Try the rest again' }).click();
  await run.getByText('completed', { exact: true }).waitFor();
  await page.getByText('4 of 4').waitFor();
  expect(await why.count()).toBe(0);

  await run.getByRole('button', { name: 'Read both sides back' }).click();
  await page.getByRole('region', { name: 'Both sides read back' }).getByText('Finished').waitFor();
  const [report] = await Promise.all([
    page.waitForEvent('download'),
    run.getByRole('link', { name: 'Report (CSV)' }).click(),
  ]);
  expect(report.suggestedFilename()).toMatch(/\.csv$/);

  await openTab(page, 'Phase');
  await page.getByRole('button', { name: 'Enter Hybrid read' }).click();
  await page.getByRole('alertdialog').getByRole('button', { name: 'Enter Hybrid read' }).click();
  await page.getByText('The phase is Hybrid read now.').waitFor();
  expect(complaints).toEqual([]);
  await close();
});
