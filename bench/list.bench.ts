/**
 * What an interaction with the list of 100,000 datasets costs: the scripting of the page (script, style and layout, as
 * Chromium counts them, from the key or click until the list shows its answer) and the server's answers behind it. The
 * embedded database; wanted: under 100 ms each.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CDPSession, Page, Request } from 'playwright-core';
import { startPrivateServer } from '../scripts/private-server.ts';
import { fillInstallation } from '../tests/support/filled-installation.ts';
import { openSite, startBrowser } from '../tests/support/page/browser.ts';
import { describeMachine, median, printTable } from './table.ts';

const ROWS = 100_000;
const ROUNDS = 3;
const LIST = '/api/training/dataset?';
/** Longer than the page waits before it asks, so that what is measured is over. */
const QUIET_MS = 600;

interface Cost {
  scriptMs: number;
  taskMs: number;
  serverMs: number;
  requests: number;
}

interface Interaction {
  name: string;
  /** Chromium counts anew from the opening of a page. */
  opens?: boolean;
  /** Not counted. */
  before?: () => Promise<unknown>;
  act: () => Promise<unknown>;
}

/** Counts what the page and the server do between two points in time. */
class Meter {
  readonly #cdp: CDPSession;
  #inFlight = 0;
  #lastChange = performance.now();
  #requests = 0;
  #serverMs = 0;

  private constructor(page: Page, cdp: CDPSession) {
    this.#cdp = cdp;
    const isList = (request: Request) => request.url().includes(LIST);
    page.on('request', (request) => isList(request) && this.#change(1));
    page.on('requestfailed', (request) => isList(request) && this.#change(-1));
    page.on('requestfinished', (request) => {
      if (!isList(request)) return;
      const { requestStart, responseEnd } = request.timing();
      this.#requests += 1;
      this.#serverMs = Math.max(this.#serverMs, responseEnd - requestStart);
      this.#change(-1);
    });
  }

  static async on(page: Page): Promise<Meter> {
    const cdp = await page.context().newCDPSession(page);
    await cdp.send('Performance.enable');
    return new Meter(page, cdp);
  }

  async cost({ act, opens = false }: Interaction): Promise<Cost> {
    await this.quiet();
    this.#requests = 0;
    this.#serverMs = 0;
    const before = opens ? { scriptMs: 0, taskMs: 0 } : await this.#read();
    await act();
    await this.quiet();
    const after = await this.#read();
    return {
      scriptMs: after.scriptMs - before.scriptMs,
      taskMs: after.taskMs - before.taskMs,
      serverMs: this.#serverMs,
      requests: this.#requests,
    };
  }

  /** No list is on its way, and none has been for a while. */
  async quiet(): Promise<void> {
    this.#lastChange = performance.now();
    while (this.#inFlight > 0 || performance.now() - this.#lastChange < QUIET_MS)
      await new Promise((resolve) => setTimeout(resolve, 50));
  }

  #change(by: number): void {
    this.#inFlight += by;
    this.#lastChange = performance.now();
  }

  async #read(): Promise<{ scriptMs: number; taskMs: number }> {
    const { metrics } = await this.#cdp.send('Performance.getMetrics');
    const seconds = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    const script = seconds('ScriptDuration') + seconds('LayoutDuration') + seconds('RecalcStyleDuration');
    return { scriptMs: script * 1000, taskMs: seconds('TaskDuration') * 1000 };
  }
}

function interactions(page: Page, change: () => Promise<unknown>): Interaction[] {
  const fresh = () => page.goto('/datasets');
  const select = (label: string, value: string) => () => page.getByLabel(label, { exact: true }).selectOption(value);
  const sort = (name: string) => () => page.getByRole('button', { name, exact: true }).click();
  const search = (text: string) => () => page.getByLabel('Search datasets').pressSequentially(text, { delay: 30 });
  const scroll = () => page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  const deep = async () => {
    await fresh();
    for (let pages = 0; pages < 20; pages += 1) {
      await scroll();
      await page.waitForTimeout(150);
    }
  };
  return [
    { name: 'open, scripts of the page included', opens: true, act: fresh },
    { name: 'search for a word that many have', before: fresh, act: search('night') },
    { name: 'search for a word that few have', before: fresh, act: search('whale') },
    { name: 'search for what nobody has', before: fresh, act: search('nowhere') },
    { name: 'clear the search', act: () => page.getByRole('button', { name: 'Clear', exact: true }).click() },
    { name: 'only one kind', before: fresh, act: select('Kind', 'preference') },
    { name: 'only in S3', before: fresh, act: select('Store', 's3') },
    { name: 'sort by name', before: fresh, act: sort('Name') },
    { name: 'sort by name, the other way', act: sort('Name') },
    { name: 'sort by examples', act: sort('Examples') },
    { name: 'sort by size', act: sort('Size') },
    { name: 'sort by created', act: sort('Created') },
    { name: 'one kind, sorted by size', act: select('Kind', 'preference') },
    { name: 'the next page by scrolling', before: fresh, act: scroll },
    { name: 'the next page after 20', before: deep, act: scroll },
    { name: 'back to the top', act: () => page.evaluate(() => scrollTo(0, 0)) },
    { name: 'an event while 20 pages are there', act: change },
    { name: 'an event on the first page', before: fresh, act: change },
    { name: 'ten rows on by the keyboard', act: () => pressed(page, 'Tab', 10) },
  ];
}

async function pressed(page: Page, key: string, times: number): Promise<void> {
  for (let index = 0; index < times; index += 1) await page.keyboard.press(key);
}

const dataDir = await mkdtemp(join(tmpdir(), 'longshore-bench-list-'));
await fillInstallation(dataDir, ROWS);
const server = await startPrivateServer(dataDir);
const browser = await startBrowser();
try {
  const { page } = await openSite(browser, server, '/datasets', { viewport: { width: 1280, height: 860 } });
  const meter = await Meter.on(page);
  let changes = 0;
  const change = async () => {
    changes += 1;
    const headers = { authorization: `Bearer ${server.adminKey}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ description: `changed ${changes} times` });
    const answer = await fetch(`${server.url}/api/training/dataset/filled-1`, { method: 'PATCH', headers, body });
    if (!answer.ok) throw new Error(`the change answered ${answer.status}: ${await answer.text()}`);
  };
  const costs = new Map<string, Cost[]>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const interaction of interactions(page, change)) {
      const { name } = interaction;
      await interaction.before?.();
      costs.set(name, [...(costs.get(name) ?? []), await meter.cost(interaction)]);
    }
  }
  console.log(`${describeMachine()}, ${ROWS.toLocaleString('en')} datasets, ${ROUNDS} rounds\n`);
  const row = (name: string, all: readonly Cost[]) => {
    const script = all.map(({ scriptMs }) => scriptMs);
    const of = (values: readonly number[]) => `${median(values).toFixed(0)} / ${Math.max(...values).toFixed(0)}`;
    const answers = of(all.map(({ serverMs }) => serverMs));
    return [
      name,
      of(script),
      of(all.map(({ taskMs }) => taskMs)),
      answers,
      median(all.map(({ requests }) => requests)),
    ];
  };
  const header = [
    'interaction (median / most of the rounds)',
    'script, style, layout ms',
    'all tasks ms',
    'slowest answer ms',
    'answers',
  ];
  printTable(
    header,
    [...costs].map(([name, all]) => row(name, all)),
  );
} finally {
  await browser.close();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
}
