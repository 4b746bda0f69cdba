import { expect, test } from 'vitest';
import { accessibilityFaults } from '../support/page/browser.ts';
import { furnish } from '../support/page/furnished-site.ts';
import { pictures } from '../support/page/pictures.ts';
import { browserLab } from '../support/page/shared-browser.ts';

const lab = browserLab(furnish);
/** What `pictures` lists, named before the server is there. */
const SCREENS = pictures({ datasetIds: new Map() }).filter(({ signedOut }) => signedOut !== true);
const VIEWS = [
  { colorScheme: 'light', viewport: { width: 1280, height: 860 } },
  { colorScheme: 'dark', viewport: { width: 380, height: 760 } },
] as const;

test.each(SCREENS)(
  '$name: axe finds nothing, the console is silent, and nothing is wider than the window',
  async ({ name }) => {
    const picture = pictures(lab.site).find((one) => one.name === name);
    for (const view of VIEWS) {
      const { page, complaints, close } = await lab.open(picture?.path ?? '/', view);
      await page.locator('h1, [role="dialog"]').first().waitFor();
      await page.locator('[role="status"][aria-label="Loading"]').first().waitFor({ state: 'detached' });
      if (view.viewport.width > 1000 || name !== 'keyboard') await picture?.prepare?.(page);
      expect(await accessibilityFaults(page)).toEqual([]);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, `wider than ${view.viewport.width}`).toBeLessThanOrEqual(0);
      expect(complaints).toEqual([]);
      await close();
    }
  },
);
