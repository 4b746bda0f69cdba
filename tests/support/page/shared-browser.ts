import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { projectRoot } from '@/lib/config/entry-points.ts';
import { type OpenedPage, openSite, startBrowser } from './browser.ts';
import { type FurnishedSite, startSite } from './furnished-site.ts';

/** One server and one browser for a file of tests. Valid inside tests and hooks. */
export interface BrowserLab {
  readonly site: FurnishedSite;
  readonly browser: Browser;
  /** A page signed in as the admin, closed after the test file. */
  open(path: string, options?: Parameters<typeof openSite>[3]): Promise<OpenedPage>;
}

export function browserLab(prepare: (site: FurnishedSite) => Promise<void> = async () => {}): BrowserLab {
  let made: { site: FurnishedSite; browser: Browser } | undefined;
  const current = () => {
    if (made === undefined) throw new Error('The browser is there inside tests and hooks only');
    return made;
  };
  beforeAll(async () => {
    if (!existsSync(join(projectRoot(), 'dist/web/index.html')))
      throw new Error('The page is not built: npm run build');
    const [site, browser] = await Promise.all([startSite(), startBrowser()]);
    made = { site, browser };
    await prepare(site);
  }, 120_000);
  afterAll(async () => {
    await made?.browser.close();
    await made?.site.stop();
  });
  return {
    get site() {
      return current().site;
    },
    get browser() {
      return current().browser;
    },
    open: (path, options) => openSite(current().browser, current().site.server, path, options),
  };
}
