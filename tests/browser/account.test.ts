import { expect, test } from 'vitest';
import { accessibilityFaults, openPage } from '../support/page/browser.ts';
import { browserLab } from '../support/page/shared-browser.ts';

const lab = browserLab();

test('signs in with a key, refuses a wrong one, and signs out', async () => {
  const { page, close } = await openPage(lab.browser, { baseURL: lab.site.server.url, colorScheme: 'dark' });
  await page.goto('/');
  await page.getByLabel('API key').fill('ls_wrong');
  expect(await page.locator('html').getAttribute('class')).toBe('dark');
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
