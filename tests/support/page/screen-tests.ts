import { test } from 'vitest';
import type { OpenedPage } from './browser.ts';
import { furnish } from './furnished-site.ts';
import { type Picture, pictures } from './pictures.ts';
import { expectSound } from './screen-check.ts';
import { type BrowserLab, browserLab } from './shared-browser.ts';

/** Holds the screens that `pictures` lists under these names to `expectSound`, one page for each who looks. */
export function describeScreens(isMeant: (name: string) => boolean): void {
  const lab = browserLab(furnish);
  const opened = new Map<string, OpenedPage>();
  // The names stand before the server does.
  const none = { datasetIds: new Map(), userKeys: new Map(), jobId: '' };
  const names = pictures(none).flatMap(({ name, signedOut }) => (signedOut !== true && isMeant(name) ? [name] : []));
  test.each(names)('%s: accessible, silent, and no wider than the window', async (name) => {
    const picture = pictures(lab.site).find((one) => one.name === name);
    if (picture === undefined) throw new Error(`No screen is called ${name}`);
    await picture.arrange?.();
    await expectSound(await pageOf(lab, opened, picture), picture);
  });
}

async function pageOf(lab: BrowserLab, opened: Map<string, OpenedPage>, { key }: Picture): Promise<OpenedPage> {
  const who = key ?? '';
  const known = opened.get(who);
  if (known !== undefined) return known;
  const page = await lab.open('/', key === undefined ? {} : { key });
  opened.set(who, page);
  return page;
}
