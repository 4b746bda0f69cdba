import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { uploadFile } from '../support/page/furnished-site.ts';
import { conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';
import { startAgent } from '../support/training.ts';

const lab = browserLab();

/** Waits for a file to appear, so that the test decides when the command may end. */
const COMMAND = [
  'echo shore is in sight',
  'for step in $(seq 29); do echo "{\\"step\\": $step, \\"loss\\": 0.$((99 - step))}"; done',
  'until [ -e "$GATE" ]; do sleep 0.05; done',
  'echo moored',
].join('; ');

describe('a training job', () => {
  test('is checked, started, watched to its end without a reload, and its loss is drawn', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-gate-'));
    const dataset = await uploadFile(lab.site.server, conversations('tides.jsonl', 80));
    const { page, complaints, close } = await lab.open(`/training?new=1&dataset=${dataset}`);
    await page.getByRole('textbox', { name: 'Command' }).fill(COMMAND);
    await page.getByRole('textbox', { name: 'Environment' }).fill(`GATE=${join(folder, 'open')}`);
    await page.getByRole('button', { name: 'Check only' }).click();
    await page.getByText('Nothing was rented and no job was made.').waitFor();
    await page.getByText('Everything that was looked at is well.').waitFor();
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByText('This job waits until a worker takes it').waitFor();
    const agent = await startAgent(lab.site.server);
    onTestFinished(async () => void (await agent.stop()));
    const log = page.getByRole('region', { name: 'Log lines' });
    await log.getByText('shore is in sight').waitFor();
    await page.getByText('running', { exact: true }).first().waitFor();
    writeFileSync(join(folder, 'open'), '');
    await log.getByText('moored').waitFor();
    await page.getByText('completed', { exact: true }).first().waitFor();
    await page.getByRole('tab', { name: 'Metrics' }).click();
    await page.getByText(/^last .*, 29 points$/).waitFor();
    await page.locator('.recharts-line-curve').first().waitFor();
    await page.getByRole('tab', { name: 'Stages' }).click();
    await page
      .getByRole('tabpanel')
      .getByText(/^taken by /)
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
    await close();
    rmSync(folder, { recursive: true });
  }, 60_000);

  test('whose command fails says why, and runs to its end when it is begun again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'longshore-gate-'));
    const dataset = await uploadFile(lab.site.server, conversations('shoals.jsonl', 20));
    const { page, complaints, close } = await lab.open(`/training?new=1&dataset=${dataset}`);
    const command = 'if [ -e "$GATE" ]; then echo afloat; else echo aground >&2; exit 3; fi';
    await page.getByRole('textbox', { name: 'Command' }).fill(command);
    await page.getByRole('textbox', { name: 'Environment' }).fill(`GATE=${join(folder, 'open')}`);
    await page.getByRole('button', { name: 'Start job' }).click();
    const agent = await startAgent(lab.site.server);
    onTestFinished(async () => void (await agent.stop()));
    await page.getByText('failed', { exact: true }).first().waitFor();
    const log = page.getByRole('region', { name: 'Log lines' });
    await log.getByText('aground').waitFor();
    await page.getByRole('alert').getByText('3').first().waitFor();
    writeFileSync(join(folder, 'open'), '');
    await page.getByRole('button', { name: 'Retry' }).click();
    await log.getByText('afloat').waitFor();
    await page.getByText('completed', { exact: true }).first().waitFor();
    expect(complaints).toEqual([]);
    await close();
    rmSync(folder, { recursive: true });
  });

  test('is cancelled while it waits, and begun again', async () => {
    const dataset = await uploadFile(lab.site.server, conversations('moorings.jsonl', 20));
    const { page, close } = await lab.open(`/training?new=1&dataset=${dataset}`);
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('button', { name: 'Cancel this job' }).click();
    await page.getByText('cancelled', { exact: true }).first().waitFor();
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByText('This job waits until a worker takes it').waitFor();
    await page.getByRole('link', { name: 'Training', exact: true }).first().click();
    await page.getByRole('row', { name: /moorings.*pending/ }).waitFor();
    await close();
  });

  test('is made once, though the answer to its start was lost and it is started again', async () => {
    const dataset = await uploadFile(lab.site.server, conversations('sandbar.jsonl', 20));
    const { page, close } = await lab.open(`/training?new=1&dataset=${dataset}`);
    const start = page.getByRole('button', { name: 'Start job' });
    let made = '';
    await page.route(
      '**/api/training/deploy/local',
      async (route) => {
        made = (await (await route.fetch()).json()).job.id;
        await route.abort();
      },
      { times: 1 },
    );
    await start.click();
    await page.getByText('The server does not answer.').waitFor();
    await start.click();
    await page.waitForURL(`**/training/${made}`);
    await page.getByRole('link', { name: 'Training', exact: true }).first().click();
    const row = page.getByRole('row', { name: /sandbar/ });
    await row.waitFor();
    expect(await row.count()).toBe(1);
    await close();
  });
});
