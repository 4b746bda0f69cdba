/**
 * Pictures of every screen with realistic data, light and dark, wide and narrow, into screenshots/ (not in the
 * repository). For people to look at: `npm run screenshots`, or with the names of some screens.
 */
import { mkdir, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { openPage, openSite, startBrowser } from '../tests/support/page/browser.ts';
import { type FurnishedSite, furnish, startSite } from '../tests/support/page/furnished-site.ts';
import { pictures } from '../tests/support/page/pictures.ts';

const folder = fileURLToPath(new URL('../screenshots', import.meta.url));
const WIDTHS = { wide: { width: 1280, height: 860 }, narrow: { width: 380, height: 760 } };

async function take(browser: Browser, site: FurnishedSite, wanted: readonly string[]): Promise<void> {
  const chosen = pictures(site).filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
  for (const { name, path, signedOut = false, key, arrange, prepare } of chosen) {
    await arrange?.();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [size, viewport] of Object.entries(WIDTHS)) {
        const options = { colorScheme, viewport, baseURL: site.server.url, ...(key === undefined ? {} : { key }) };
        const opened = signedOut
          ? await openPage(browser, options)
          : await openSite(browser, site.server, path, options);
        if (signedOut) await opened.page.goto(path);
        await settle(opened.page);
        await prepare?.(opened.page);
        await settle(opened.page);
        await opened.page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size}.png`, fullPage: true });
        for (const complaint of opened.complaints) console.error(`${name} ${colorScheme} ${size}: ${complaint}`);
        await opened.close();
      }
    }
    console.log(name);
  }
}

/** Nothing loads any more. The event stream stays open for ever, so that silence on the network cannot be waited for. */
async function settle(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('[role="status"][aria-label]') === null);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
}

const wanted = process.argv.slice(2);
if (wanted.length === 0) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
const site = await startSite();
const browser = await startBrowser();
try {
  await furnish(site);
  await take(browser, site, wanted);
} finally {
  await browser.close();
  await site.stop();
}
