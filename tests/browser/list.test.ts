/** The list of datasets when it is long: what is in the document, and what is asked of the server. Nothing here is timed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page, Route } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fillInstallation } from '../support/filled-installation.ts';
import { openSite, startBrowser } from '../support/page/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';

const ROWS = 2500;
const PAGE = 100;
/** A window of 860 pixels holds 15 rows; as many again are kept ready on both sides. */
const MOST_IN_DOCUMENT = 60;

let dataDir: string;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'longshore-list-'));
  await fillInstallation(dataDir, ROWS);
  [server, browser] = await Promise.all([startServer({ DATA_DIR: dataDir }), startBrowser()]);
}, 120_000);
afterAll(async () => {
  await browser.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true, maxRetries: 20 });
});

/** The first page is there; `asked` is what is asked for after it. */
async function openList(path = '/datasets') {
  const opened = await openSite(browser, server, path, { viewport: { width: 1280, height: 860 } });
  const asked: URLSearchParams[] = [];
  opened.page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.pathname === '/api/training/dataset') asked.push(url.searchParams);
  });
  await rowsOf(opened.page).nth(5).waitFor();
  asked.length = 0;
  return { ...opened, asked };
}

function rowsOf(page: Page) {
  return page.getByRole('table', { name: 'Datasets' }).locator('tbody tr:not([aria-hidden])');
}

async function loaded(page: Page): Promise<number> {
  const count = await page.getByRole('table', { name: 'Datasets' }).getAttribute('aria-rowcount');
  return Number(count) - 1;
}

async function scrollUntil(page: Page, rows: number): Promise<void> {
  while ((await loaded(page)) < rows) {
    const before = await loaded(page);
    await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
    await page.waitForFunction(
      (seen) => Number(document.querySelector('table')?.getAttribute('aria-rowcount')) - 1 > seen,
      before,
    );
    expect(await rowsOf(page).count()).toBeLessThan(MOST_IN_DOCUMENT);
  }
}

function describe(id: string, description: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return server.fetch(`/api/training/dataset/${id}`, {
    method: 'PATCH',
    headers,
    body: JSON.stringify({ description }),
  });
}

test('the document holds the rows in view, and a page of rows is one request', async () => {
  const { page, asked, complaints, close } = await openList();
  await scrollUntil(page, ROWS);
  expect(asked).toHaveLength(ROWS / PAGE - 1);
  expect(new Set(asked.map((query) => query.get('cursor'))).size).toBe(asked.length);
  expect(complaints).toEqual([]);
  await close();
}, 60_000);

test('a word that is typed is one question, and an answer that comes late changes nothing', async () => {
  const { page, asked, close } = await openList();
  const held: Route[] = [];
  await page.route(/[?&]q=night/, (route) => void held.push(route));
  const search = page.getByLabel('Search datasets');
  // No time passes while keys are pressed, however busy the machine is.
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1000);
  await search.pressSequentially('night');
  await page.clock.runFor(1000);
  await expect.poll(() => held.length).toBe(1);
  await search.fill('');
  await search.pressSequentially('whale');
  await page.clock.resume();
  await page.waitForURL(/q=whale/);
  await rowsOf(page).filter({ hasText: 'Whale songs 2007' }).waitFor();
  expect(asked.map((query) => query.get('q'))).toEqual(['night', 'whale']);
  for (const route of held) await route.continue();
  await page.getByLabel('Kind', { exact: true }).selectOption('messages');
  await page.waitForURL(/kind=messages/);
  const names = await rowsOf(page).locator('a').allTextContents();
  expect(names.every((name) => name.startsWith('Whale songs'))).toBe(true);
  await close();
}, 60_000);

test('nothing is asked for on a timer; events ask for what changed, in one request', async () => {
  const { page, asked, close } = await openList();
  await page.clock.install();
  await scrollUntil(page, 3 * PAGE);
  await page.evaluate(() => scrollTo(0, 0));
  await page.getByRole('link', { name: /^\D+ 1$/ }).waitFor();
  asked.length = 0;
  await page.clock.fastForward('30:00');
  const changed = ['filled-1', 'filled-2', 'filled-3'];
  await Promise.all(changed.map((id) => describe(id, `seen at once ${id}`)));
  for (const id of changed) await page.getByText(`seen at once ${id}`).waitFor();
  const ids = asked.flatMap((query) => query.get('ids')?.split(',') ?? ['a page']);
  expect(ids.sort()).toEqual(changed);

  asked.length = 0;
  const { dataset } = await (
    await server.fetch('/api/training/dataset?name=Just%20arrived', {
      method: 'POST',
      body: `${JSON.stringify({
        messages: [
          { role: 'user', content: 'a' },
          { role: 'assistant', content: 'b' },
        ],
      })}\n`,
    })
  ).json();
  const others = page.getByRole('button', { name: 'There are others since' });
  await others.waitFor();
  expect(asked).toEqual([]);
  await others.click();
  await page.getByRole('link', { name: 'Just arrived' }).waitFor();
  expect(asked).toHaveLength(1);

  asked.length = 0;
  await server.fetch(`/api/training/dataset/${dataset.id}`, { method: 'DELETE' });
  await page.getByRole('link', { name: 'Just arrived' }).waitFor({ state: 'detached' });
  expect(asked.every((query) => !query.has('cursor') && !query.has('ids'))).toBe(true);
  await close();
}, 60_000);
