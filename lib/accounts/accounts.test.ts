import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addUserWithKey } from '@/lib/accounts/add-user.ts';
import { ADMIN_KEY_FILE, AdminKeyFile, LOCAL_USER } from '@/lib/accounts/admin-key-file.ts';
import { ApiKeys } from '@/lib/accounts/api-keys.ts';
import { AuditLog } from '@/lib/accounts/audit-log.ts';
import { newCredential } from '@/lib/accounts/credential.ts';
import { Sessions } from '@/lib/accounts/sessions.ts';
import { Users } from '@/lib/accounts/users.ts';
import { apiKeys, auditLog, sessions, users } from '@/lib/db/schema.ts';
import { withWorkContext } from '@/lib/observability/request-context.ts';
import { describeDatabase } from '@/tests/support/database.ts';

describeDatabase('accounts', (database) => {
  let parts: { db: typeof database.db; audit: AuditLog; users: Users; apiKeys: ApiKeys; sessions: Sessions };
  beforeEach(() => {
    const { db } = database;
    const audit = new AuditLog(db);
    parts = { db, audit, users: new Users(db, audit), apiKeys: new ApiKeys(db, audit), sessions: new Sessions(db) };
  });
  const add = (name: string, role?: 'admin') => addUserWithKey(parts, { name, role }, 'tester');
  const past = new Date(Date.now() - 1000);

  describe('keys', () => {
    test('open the door to their owner, and are kept only as a hash', async () => {
      const { user, key } = await add('ada');
      expect(key).toMatch(/^ls_[A-Za-z0-9_-]{43}$/);
      expect(await parts.apiKeys.verify(key)).toMatchObject({ userId: user.id, name: 'ada', role: 'member' });
      expect(JSON.stringify(await database.db.select().from(apiKeys))).not.toContain(key.slice(3, 30));
      expect((await parts.apiKeys.list(user.id))[0]).toMatchObject({ name: 'first key', lastFour: key.slice(-4) });
    });

    test('open nothing when unknown, malformed, revoked, expired, or of a disabled user', async () => {
      const { user, key } = await add('ada');
      const expired = await parts.apiKeys.create({ userId: user.id, name: 'old', expiresAt: past }, 'tester');
      const revoked = await parts.apiKeys.create({ userId: user.id, name: 'gone' }, 'tester');
      await parts.apiKeys.revoke(revoked.apiKey.id, 'tester');
      for (const wrong of [newCredential('ls'), newCredential('lss'), 'ls_', '', `${key}x`, expired.key, revoked.key]) {
        expect(await parts.apiKeys.verify(wrong)).toBeUndefined();
      }
      await parts.users.update(user.id, { disabled: true }, 'tester');
      expect(await parts.apiKeys.verify(key)).toBeUndefined();
      await parts.users.update(user.id, { disabled: false }, 'tester');
      expect(await parts.apiKeys.verify(key)).toBeDefined();
    });

    test('are revoked by their owner, not by another user', async () => {
      const [ada, bob] = [await add('ada'), await add('bob')];
      const [key] = await parts.apiKeys.list(ada.user.id);
      await expect(parts.apiKeys.revoke(key?.id ?? '', bob.user.id, bob.user.id)).rejects.toMatchObject({
        code: 'key_not_found',
      });
      expect(await parts.apiKeys.verify(ada.key)).toBeDefined();
      const first = await parts.apiKeys.revoke(key?.id ?? '', ada.user.id, ada.user.id);
      const again = await parts.apiKeys.revoke(key?.id ?? '', ada.user.id, ada.user.id);
      expect(again.revokedAt).toEqual(first.revokedAt);
    });

    test('remember when they were used, without a write for each request', async () => {
      const { user } = await add('ada');
      const [key] = await parts.apiKeys.list(user.id);
      await parts.apiKeys.recordUse(key?.id ?? '');
      const [once] = await parts.apiKeys.list(user.id);
      await parts.apiKeys.recordUse(key?.id ?? '');
      expect(once?.lastUsedAt).toBeInstanceOf(Date);
      expect((await parts.apiKeys.list(user.id))[0]?.lastUsedAt).toEqual(once?.lastUsedAt);
    });
  });

  describe('users', () => {
    test('a name is taken whatever its case, and a refused user leaves nothing', async () => {
      await add('Ada');
      await expect(add('ada')).rejects.toMatchObject({ code: 'name_taken' });
      expect(await database.db.select().from(users)).toHaveLength(1);
      expect(await database.db.select().from(apiKeys)).toHaveLength(1);
      const bob = await add('bob');
      await expect(parts.users.update(bob.user.id, { name: 'ADA' }, 'tester')).rejects.toMatchObject({
        code: 'name_taken',
      });
    });

    test('the last admin stays one, also when two try to leave at once', async () => {
      const [one, two] = [await add('one', 'admin'), await add('two', 'admin')];
      const attempts = await Promise.allSettled([
        parts.users.update(one.user.id, { role: 'member' }, 'tester'),
        parts.users.update(two.user.id, { disabled: true }, 'tester'),
      ]);
      expect(attempts.filter((attempt) => attempt.status === 'rejected')).toMatchObject([
        { reason: { code: 'last_admin' } },
      ]);
    });

    test('a member can be disabled while there is one admin', async () => {
      await add('root', 'admin');
      const { user } = await add('ada');
      expect(
        (await parts.users.update(user.id, { disabled: true, role: 'member' }, 'tester')).disabledAt,
      ).not.toBeNull();
    });

    test('of another system are made on first sight, once, whoever has their name', async () => {
      await add('ada@example.org');
      const id = crypto.randomUUID();
      const seen = await Promise.all(
        Array.from({ length: 4 }, () => parts.users.ensure({ id, name: 'ada@example.org' })),
      );
      expect(new Set(seen.map((user) => user.id))).toEqual(new Set([id]));
      expect(seen[0]?.name).toBe(id);
    });

    test('are listed page by page', async () => {
      for (const name of ['a', 'b', 'c']) await add(name);
      const [first, second] = await parts.users.list({ limit: 2 });
      const rest = await parts.users.list({ after: second?.id, limit: 2 });
      expect([first?.name, second?.name, ...rest.map((user) => user.name)].sort()).toEqual(['a', 'b', 'c']);
    });
  });

  describe('sessions', () => {
    test('are kept only as a hash, and end by signing out', async () => {
      const { user } = await add('ada');
      const { token } = await parts.sessions.create({ userId: user.id });
      expect(await parts.sessions.verify(token)).toMatchObject({ userId: user.id, apiKeyId: null });
      expect(JSON.stringify(await database.db.select().from(sessions))).not.toContain(token);
      await parts.sessions.end(token);
      await parts.sessions.end(token);
      expect(await parts.sessions.verify(token)).toBeUndefined();
    });

    test('end with the key they were made from, with the user, and in time', async () => {
      const { user } = await add('ada');
      const [key] = await parts.apiKeys.list(user.id);
      const ofKey = await parts.sessions.create({ userId: user.id, apiKeyId: key?.id });
      const late = await parts.sessions.create({ userId: user.id, notAfter: past });
      const free = await parts.sessions.create({ userId: user.id });
      expect(await parts.sessions.verify(ofKey.token)).toMatchObject({ apiKeyId: key?.id });
      await parts.apiKeys.revoke(key?.id ?? '', 'tester');
      expect(await parts.sessions.verify(ofKey.token)).toBeUndefined();
      expect(await parts.sessions.verify(late.token)).toBeUndefined();
      expect(await parts.sessions.verify(free.token)).toBeDefined();
      await parts.users.update(user.id, { disabled: true }, 'tester');
      expect(await parts.sessions.verify(free.token)).toBeUndefined();
    });

    test('that are over are removed as new ones come', async () => {
      const { user } = await add('ada');
      await parts.sessions.create({ userId: user.id, notAfter: past });
      await parts.sessions.create({ userId: user.id });
      expect(await database.db.select().from(sessions)).toHaveLength(1);
    });

    test('a link works once, for one of those who use it at the same time, and is no session', async () => {
      const { user } = await add('ada');
      const link = await parts.sessions.createLink(user.id);
      expect(await parts.sessions.verify(link)).toBeUndefined();
      expect(await parts.sessions.verify(link.replace('lsl_', 'lss_'))).toBeUndefined();
      const uses = await Promise.all([parts.sessions.redeemLink(link), parts.sessions.redeemLink(link)]);
      expect(uses.filter((use) => use !== undefined)).toEqual([{ userId: user.id }]);
    });

    test('a session cannot be spent as a link, nor an old link', async () => {
      const { user } = await add('ada');
      const { token } = await parts.sessions.create({ userId: user.id });
      expect(await parts.sessions.redeemLink(token)).toBeUndefined();
      const link = await parts.sessions.createLink(user.id);
      await database.db.update(sessions).set({ expiresAt: past });
      expect(await parts.sessions.redeemLink(link)).toBeUndefined();
    });
  });

  describe('the audit log', () => {
    test('tells who did what in which request, and is taken back with what it tells of', async () => {
      await withWorkContext({ requestId: 'request-1' }, () => add('ada'));
      await expect(add('ADA')).rejects.toThrow();
      const entries = await parts.audit.list({ limit: 10 });
      expect(entries.map((entry) => [entry.action, entry.actor, entry.requestId])).toEqual([
        ['key.created', 'tester', 'request-1'],
        ['user.created', 'tester', 'request-1'],
      ]);
      expect(await parts.audit.list({ limit: 1, before: entries[0]?.id })).toEqual([entries[1]]);
      expect(await parts.audit.list({ limit: 1, userId: 'somebody else' })).toEqual([]);
    });

    test('never holds a key', async () => {
      const { key } = await add('ada');
      expect(JSON.stringify(await database.db.select().from(auditLog))).not.toContain(key.slice(3, 20));
    });
  });

  describe('the admin key file', () => {
    let dataDir = '';
    beforeEach(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'longshore-admin-'));
    });
    afterEach(() => rm(dataDir, { recursive: true }));
    const path = () => join(dataDir, ADMIN_KEY_FILE);
    const file = () => new AdminKeyFile(dataDir, parts);
    const kept = async () => (await readFile(path(), 'utf8')).trim();

    test('is made with the first admin, for its owner only, and left alone from then on', async () => {
      await file().ensure();
      const key = await kept();
      expect((await stat(path())).mode & 0o777).toBe(0o600);
      expect(await parts.apiKeys.verify(key)).toMatchObject({ userId: LOCAL_USER, role: 'admin' });
      await file().ensure();
      expect(await kept()).toBe(key);
      expect(await parts.apiKeys.list(LOCAL_USER)).toHaveLength(1);
    });

    test('that was removed on purpose stays removed', async () => {
      await file().ensure();
      await rm(path());
      await file().ensure();
      await expect(stat(path())).rejects.toThrow('ENOENT');
    });

    test('is made anew, with a new key, where no admin key works any more', async () => {
      await file().ensure();
      const lost = await kept();
      const [key] = await parts.apiKeys.list(LOCAL_USER);
      await parts.apiKeys.revoke(key?.id ?? '', LOCAL_USER);
      await file().ensure();
      expect(await kept()).not.toBe(lost);
      expect(await parts.apiKeys.verify(lost)).toBeUndefined();
      expect(await parts.apiKeys.verify(await kept())).toMatchObject({ role: 'admin' });
    });

    test('left by a start that died before its rows is taken over', async () => {
      const key = newCredential('ls');
      await writeFile(path(), `${key}\n`, { mode: 0o600 });
      await file().ensure();
      expect(await kept()).toBe(key);
      expect(await parts.apiKeys.verify(key)).toMatchObject({ userId: LOCAL_USER });
    });

    test('made by several processes at once holds a key that works, of one admin', async () => {
      await Promise.all([file().ensure(), file().ensure(), file().ensure()]);
      expect(await parts.apiKeys.verify(await kept())).toMatchObject({ role: 'admin' });
      expect(await database.db.select().from(users).where(eq(users.id, LOCAL_USER))).toHaveLength(1);
      expect(await parts.apiKeys.list(LOCAL_USER)).toHaveLength(1);
    });
  });
});
