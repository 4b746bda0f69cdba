import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { brokenFile, conversations } from '../support/page/sample-files.ts';
import { browserLab } from '../support/page/shared-browser.ts';

const lab = browserLab();
const UPLOADS = '**/api/training/uploads/*';

function choose(page: Page, name: string, content: string | Buffer): Promise<void> {
  const buffer = Buffer.from(content);
  return page.getByLabel('Dataset files').setInputFiles({ name, mimeType: 'application/jsonl', buffer });
}

test('a file that is dropped on any screen is checked, sent and stored, and its records can be read', async () => {
  const { page, complaints, close } = await lab.open('/activity');
  await page.getByRole('heading', { name: 'Activity' }).waitFor();
  await drop(page, conversations('night-boat.jsonl', 120));
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

async function drop(page: Page, file: { name: string; content: string }): Promise<void> {
  const transfer = await page.evaluateHandle(({ name, content }) => {
    const data = new DataTransfer();
    data.items.add(new File([content], name));
    return data;
  }, file);
  await page.dispatchEvent('body', 'dragover', { dataTransfer: transfer });
  await page.getByText('Drop to make a dataset of it').waitFor();
  await page.dispatchEvent('body', 'drop', { dataTransfer: transfer });
}

/** More than one piece of 8 MiB, in few records. */
function largeFile(): string {
  const content = 'The fog lifts over the outer pier. '.repeat(900);
  const records = Array.from({ length: 300 }, (_, n) => [
    { role: 'user', content: `Read page ${n} of the log.` },
    { role: 'assistant', content: `${n}: ${content}` },
  ]);
  return records.map((messages) => `${JSON.stringify({ messages })}\n`).join('');
}

test('an upload goes on after a cut and a reload, with the same file, and sends nothing twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longshore-upload-'));
  const path = join(folder, 'long-haul.jsonl');
  writeFileSync(path, largeFile());
  const { page, close } = await lab.open('/datasets');
  const input = page.getByLabel('Dataset files');
  let cut = true;
  const offsets: string[] = [];
  await page.route(UPLOADS, async (route) => {
    const request = route.request();
    if (request.method() !== 'PATCH') return route.fallback();
    const offset = request.headers()['upload-offset'] ?? '';
    if (cut && offset !== '0') return route.abort('connectionreset');
    offsets.push(offset);
    return route.fallback();
  });
  await input.setInputFiles(path);
  await page.getByText(/8\.0 MiB of/).waitFor();
  await page.reload();
  await page.getByText('choose it again, and it goes on where it stopped').waitFor();
  cut = false;
  await input.setInputFiles(path);
  await page.getByRole('link', { name: 'Open' }).click();
  await page.getByText('to 10 of 300').waitFor();
  expect(offsets[0]).toBe('0');
  expect(offsets.slice(1)).not.toContain('0');
  expect(offsets.length).toBeGreaterThan(1);
  await close();
  rmSync(folder, { recursive: true });
}, 60_000);

test('an upload is paused, goes on, and is given up on the server too', async () => {
  const { page, close } = await lab.open('/datasets');
  let held = true;
  await page.route(UPLOADS, async (route) => {
    if (route.request().method() !== 'PATCH' || !held) return route.fallback();
  });
  await choose(page, 'ebb.jsonl', conversations('ebb.jsonl', 50).content);
  await page.getByRole('button', { name: 'Pause ebb.jsonl' }).click();
  await page.getByText('Paused at').waitFor();
  held = false;
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('link', { name: 'Open' }).waitFor();
  held = true;
  const begun = page.waitForRequest((request) => request.method() === 'PATCH');
  await choose(page, 'flood.jsonl', conversations('flood.jsonl', 50).content);
  await begun;
  const gone = page.waitForRequest((request) => request.method() === 'DELETE');
  await page.getByRole('button', { name: 'Give up flood.jsonl' }).click();
  expect((await (await gone).response())?.status()).toBe(204);
  await page.getByText('flood.jsonl').waitFor({ state: 'detached' });
  await close();
});

test('a bad file stops before a byte is sent, and says line by line what to mend', async () => {
  const permissions = ['clipboard-read', 'clipboard-write'];
  const { page, complaints, close } = await lab.open('/datasets', { permissions });
  let sent = 0;
  await page.route('**/api/training/uploads**', (route) => {
    sent += 1;
    return route.fallback();
  });
  const { name, content } = brokenFile();
  await choose(page, name, content);
  await page.getByText('Nothing was sent').waitFor();
  const findings = page.getByRole('table', { name: 'Findings' });
  const cut = findings.getByRole('row', { name: /E_JSON_SYNTAX/ });
  expect(await cut.getByRole('cell').first().textContent()).toBe('7');
  await cut.getByText('does the boat leave?"},').waitFor();
  await cut.getByText('The line is cut off').waitFor();
  const captain = findings.getByRole('row', { name: /captain/ }).first();
  await captain.getByText('$.messages[1].role').first().waitFor();
  expect(await captain.getByRole('cell').first().textContent()).toBe('12');

  const table = (await taken(page)).split('\n');
  expect(table[0]).toBe('line\trecord\tpath\tcode\tmessage\thint\texcerpt');
  const line = table.find((row) => row.includes('E_JSON_SYNTAX'))?.split('\t') ?? [];
  expect(line[0]).toBe('7');
  expect(line[5]).not.toBe('');
  await page.getByRole('button', { name: 'Copy', exact: true }).click();
  await page.getByText('Copied').waitFor();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(table.join('\n'));

  expect(sent).toBe(0);
  await page.getByRole('button', { name: 'Send it all the same' }).click();
  await page.getByText('Not stored.').waitFor();
  expect(sent).toBeGreaterThan(0);
  expect(complaints).toEqual([]);
  await close();
});

/** The findings as the page gives them away. */
async function taken(page: Page): Promise<string> {
  const waiting = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Download' }).click();
  const download = await waiting;
  expect(download.suggestedFilename()).toBe('ferry-support-draft.jsonl.findings.tsv');
  return readFileSync(await download.path(), 'utf8');
}
