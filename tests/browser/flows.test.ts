import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { accessibilityFaults, openPage } from '../support/page/browser.ts';
import { uploadFile } from '../support/page/furnished-site.ts';
import { brokenFile, conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';
import { startAgent } from '../support/training.ts';

const lab = browserLab();

function choose(page: Page, name: string, content: string | Buffer): Promise<void> {
  const buffer = Buffer.from(content);
  return page.getByLabel('Dataset files').setInputFiles({ name, mimeType: 'application/jsonl', buffer });
}

test('signs in with a key, refuses a wrong one, and signs out', async () => {
  const { page, close } = await openPage(lab.browser, { baseURL: lab.site.server.url });
  await page.goto('/');
  await page.getByLabel('API key').fill('ls_wrong');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').waitFor();
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.getByLabel('API key').fill(lab.site.server.adminKey);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Datasets' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Longshore' }).waitFor();
  await close();
});

describe('an upload', () => {
  test('is checked, sent and stored, and its records can be read', async () => {
    const { page, complaints, close } = await lab.open('/datasets');
    const file = conversations('night-boat.jsonl', 120);
    await choose(page, file.name, file.content);
    await page.getByText('Checked here: 120 records of messages').waitFor();
    await page.getByRole('link', { name: 'Open' }).click();
    await page.getByRole('heading', { name: 'night-boat.jsonl' }).waitFor();
    await page.getByLabel('Record', { exact: true }).fill('100');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Copy the JSON of record 100' }).waitFor();
    expect(new URL(page.url()).searchParams.get('at')).toBe('100');
    expect(complaints).toEqual([]);
    await close();
  });

  test('goes on after a cut and a reload, with the same file, and sends nothing twice', async () => {
    const { page, close } = await lab.open('/datasets');
    const content = conversations('long-haul.jsonl', 30_000).content;
    expect(content.length).toBeGreaterThan(9 << 20);
    let cut = false;
    const offsets: string[] = [];
    await page.route('**/api/training/uploads/*', async (route) => {
      const request = route.request();
      if (request.method() !== 'PATCH') return route.fallback();
      const offset = request.headers()['upload-offset'] ?? '';
      if (cut || Number(offset) === 0) {
        offsets.push(offset);
        return route.fallback();
      }
      return route.abort('connectionreset');
    });
    const start = { name: 'long-haul.jsonl', mimeType: 'application/jsonl', buffer: Buffer.from(content) };
    const lastModified = 1_700_000_000_000;
    await drop(page, start.name, content, lastModified);
    await page.getByText(/8\.0 MiB of/).waitFor();
    await page.reload();
    await page.getByText('choose it again, and it goes on where it stopped').waitFor();
    cut = true;
    await drop(page, start.name, content, lastModified);
    await page.getByRole('link', { name: 'Open' }).waitFor({ timeout: 60_000 });
    expect(offsets[0]).toBe('0');
    expect(offsets.slice(1)).not.toContain('0');
    await page.getByRole('link', { name: 'Open' }).click();
    await page.getByText('30,000').first().waitFor();
    await close();
  }, 120_000);

  test('of a bad file stops before a byte is sent, and lists what is wrong', async () => {
    const { page, close } = await lab.open('/datasets');
    let sent = 0;
    await page.route('**/api/training/uploads**', (route) => {
      sent += 1;
      return route.fallback();
    });
    const { name, content } = brokenFile();
    await choose(page, name, content);
    await page.getByText('Nothing was sent').waitFor();
    const findings = page.getByRole('table', { name: 'Findings' });
    await findings.getByText('E_JSON_SYNTAX').first().waitFor();
    expect(sent).toBe(0);
    await page.getByRole('button', { name: 'Send it all the same' }).click();
    await page.getByText('Not stored.').waitFor();
    expect(sent).toBeGreaterThan(0);
    await close();
  });
});

/** As a person does; with the file's time, by which the page knows it again. */
async function drop(page: Page, name: string, content: string, lastModified: number): Promise<void> {
  const transfer = await page.evaluateHandle(
    (file) => {
      const data = new DataTransfer();
      data.items.add(new File([file.content], file.name, { lastModified: file.lastModified }));
      return data;
    },
    { name, content, lastModified },
  );
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
}

test('a key is made, shown once, works, and is refused when it was revoked', async () => {
  const { page, close } = await lab.open('/settings');
  await page.getByRole('button', { name: 'New key' }).click();
  await page.getByLabel('Name').fill('cluster');
  await page.getByRole('button', { name: 'Make key' }).click();
  const key = (await page.getByTestId('new-key').textContent()) ?? '';
  const ask = () => lab.site.server.fetch('/api/users/me', { headers: { authorization: `Bearer ${key}` } });
  expect((await ask()).status).toBe(200);
  await page.getByRole('button', { name: 'Done' }).click();
  expect(await page.content()).not.toContain(key);
  await page.getByRole('button', { name: 'Revoke cluster' }).click();
  await page.getByRole('button', { name: 'Revoke key' }).click();
  await page.getByText('revoked', { exact: true }).waitFor();
  expect((await ask()).status).toBe(401);
  await page.goto('/activity?area=key');
  await page.getByText('Revoked an API key').first().waitFor();
  await close();
});

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
    await page.getByRole('button', { name: 'Start job' }).click();
    await page.getByText('This job waits until a worker takes it').waitFor();
    const agent = await startAgent(lab.site.server);
    const log = page.getByRole('region', { name: 'Log lines' });
    await log.getByText('shore is in sight').waitFor();
    await page.getByText('running', { exact: true }).first().waitFor();
    writeFileSync(join(folder, 'open'), '');
    await log.getByText('moored').waitFor();
    await page.getByText('completed', { exact: true }).first().waitFor();
    await page.getByRole('tab', { name: 'Metrics' }).click();
    await page.getByText(/^last .*, 29 points$/).waitFor();
    await page.locator('.recharts-line-curve').first().waitFor();
    expect(complaints).toEqual([]);
    await agent.stop();
    await close();
    rmSync(folder, { recursive: true });
  }, 60_000);

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
});
