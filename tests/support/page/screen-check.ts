import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { accessibilityFaults, type OpenedPage } from './browser.ts';
import type { Picture } from './pictures.ts';

const SIZES = {
  wide: { width: 1280, height: 860 },
  narrow: { width: 380, height: 760 },
} as const;

/**
 * One screen as it is shown, without loading the page again: axe finds nothing wrong in light and in dark, nothing is
 * wider than a wide or a narrow window, and the page's script did not complain.
 */
export async function expectSound({ page, complaints }: OpenedPage, { name, path, prepare }: Picture): Promise<void> {
  await page.setViewportSize(SIZES.wide);
  await page.emulateMedia({ colorScheme: 'light' });
  await moveTo(page, path);
  await prepare?.(page);
  await settled(page);
  await expectWithin(page, name);
  expect(await accessibilityFaults(page), `${name}, light, wide`).toEqual([]);
  await page.setViewportSize(SIZES.narrow);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.waitForFunction(() => document.documentElement.classList.contains('dark'));
  await expectWithin(page, name);
  expect(await accessibilityFaults(page), `${name}, dark, narrow`).toEqual([]);
  expect(complaints, name).toEqual([]);
}

/** As a link inside the page does: the router listens to the history. */
async function moveTo(page: Page, path: string): Promise<void> {
  await page.keyboard.press('Escape');
  await page.evaluate((to) => history.pushState(null, '', to), path);
  await settled(page);
}

/** Nothing loads any more. The event stream stays open for ever, so that silence on the network cannot be waited for. */
async function settled(page: Page): Promise<void> {
  await page.locator('h1, [role="dialog"], [role="alertdialog"]').first().waitFor();
  await page.waitForFunction(() => document.querySelector('[role="status"][aria-label]') === null);
}

async function expectWithin(page: Page, name: string): Promise<void> {
  const { over, widest } = await page.evaluate(() => {
    const over = document.documentElement.scrollWidth - innerWidth;
    const beyond = [...document.querySelectorAll('main *')].filter(
      (one) => one.getBoundingClientRect().right > innerWidth,
    );
    return { over, widest: over > 0 ? beyond.slice(-3).map((one) => one.outerHTML.slice(0, 160)) : [] };
  });
  expect({ over: Math.max(0, over), widest }, `${name}, ${page.viewportSize()?.width} px`).toEqual({
    over: 0,
    widest: [],
  });
}
