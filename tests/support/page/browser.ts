import axe, { type AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Debian's Chromium; .ci/run installs it. */
const EXECUTABLE = '/usr/bin/chromium';

export interface OpenedPage {
  page: Page;
  /** What the page's own script complained about. Refused requests are not in it: their tests look at what is shown. */
  complaints: string[];
  close(): Promise<void>;
}

export interface Site {
  url: string;
  adminKey: string;
}

/** One browser for a whole test file; every test opens its own page with its own cookies in it. */
export async function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: EXECUTABLE,
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu', '--font-render-hinting=none'],
  });
}

/** A page with nobody signed in. */
export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<OpenedPage> {
  const context = await browser.newContext({ reducedMotion: 'reduce', locale: 'en-GB', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    if (!message.text().startsWith('Failed to load resource')) complaints.push(message.text());
  });
  return { page, complaints, close: () => context.close() };
}

/** A page signed in with a key, at a path of the site. */
export async function openSite(
  browser: Browser,
  site: Site,
  path = '/',
  options: BrowserContextOptions & { key?: string } = {},
): Promise<OpenedPage> {
  const { key = site.adminKey, ...rest } = options;
  const opened = await openPage(browser, { baseURL: site.url, ...rest });
  const answer = await opened.page.request.post('/signin', {
    data: { key },
    headers: { origin: new URL(site.url).origin },
  });
  if (!answer.ok()) throw new Error(`signing in answered ${answer.status()}: ${await answer.text()}`);
  await opened.page.goto(path);
  return opened;
}

/** What axe finds wrong with what is shown: rule, how many places, and one of them. Empty when all is well. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  return violations.map(
    ({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0]?.html ?? ''} ${nodes[0]?.failureSummary ?? ''}`,
  );
}
