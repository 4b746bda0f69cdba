import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MasterKey } from '@/lib/config/master-key.ts';
import {
  type Envelope,
  type EnvelopeContext,
  Keyring,
  openEnvelope,
  rewrapEnvelope,
  sealEnvelope,
} from '@/lib/secrets/envelope.ts';

const newKey = (): MasterKey => ({ id: randomBytes(8).toString('hex'), bytes: randomBytes(32) });
const ringOf = (current: MasterKey, ...previous: MasterKey[]) => new Keyring({ current, previous });
const keyring = ringOf(newKey());
const context: EnvelopeContext = { userId: 'u1', provider: 'aws', version: 3 };

const contexts = fc.record({
  userId: fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  provider: fc.constantFrom('aws', 'lambda', 'runpod', 'huggingface') as fc.Arbitrary<EnvelopeContext['provider']>,
  version: fc.integer({ min: 1, max: 1_000_000 }),
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  const at = Math.floor(bit / 8) % copy.length;
  copy.writeUInt8(copy.readUInt8(at) ^ (1 << (bit % 8)), at);
  return copy;
}

describe('envelope', () => {
  it('opens what it sealed, for any text and owner', () => {
    fc.assert(
      fc.property(contexts, fc.string({ unit: 'binary', maxLength: 500 }), (owner, text) => {
        expect(openEnvelope(keyring, owner, sealEnvelope(keyring, owner, text))).toBe(Buffer.from(text).toString());
      }),
    );
  });

  it('refuses any flipped bit in any part', () => {
    const sealed = sealEnvelope(keyring, context, 'wJalrXUtnFEMI');
    for (const part of ['ciphertext', 'wrappedKey'] as const) {
      for (let bit = 0; bit < sealed[part].length * 8; bit++) {
        const changed = { ...sealed, [part]: flipped(sealed[part], bit) };
        expect(() => openEnvelope(keyring, context, changed)).toThrow(
          expect.objectContaining({ code: 'secret_damaged' }),
        );
      }
    }
  });

  it('refuses any truncation', () => {
    const sealed = sealEnvelope(keyring, context, 'text');
    for (const part of ['ciphertext', 'wrappedKey'] as const) {
      for (let length = 0; length < sealed[part].length; length++) {
        const cut: Envelope = { ...sealed, [part]: sealed[part].subarray(0, length) };
        expect(() => openEnvelope(keyring, context, cut)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
      }
    }
  });

  it('refuses a row moved to another user, provider or version', () => {
    fc.assert(
      fc.property(contexts, contexts, (owner, other) => {
        fc.pre(JSON.stringify(owner) !== JSON.stringify(other));
        const sealed = sealEnvelope(keyring, owner, 'text');
        expect(() => openEnvelope(keyring, other, sealed)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
      }),
    );
  });

  it('refuses the content of one secret with the key of another of the same owner', () => {
    const [one, two] = [sealEnvelope(keyring, context, 'one'), sealEnvelope(keyring, context, 'two')];
    const mixed = { ...one, wrappedKey: two.wrappedKey };
    expect(() => openEnvelope(keyring, context, mixed)).toThrow(expect.objectContaining({ code: 'secret_damaged' }));
  });

  it('never seals the same text to the same bytes', () => {
    const boxes = Array.from({ length: 50 }, () => sealEnvelope(keyring, context, 'text'));
    expect(new Set(boxes.map((box) => box.ciphertext.toString('hex'))).size).toBe(50);
    expect(new Set(boxes.map((box) => box.wrappedKey.toString('hex'))).size).toBe(50);
  });

  it('opens with a previous master key, and after re-wrapping without it', () => {
    const [before, after] = [newKey(), newKey()];
    const sealed = sealEnvelope(ringOf(before), context, 'text');
    const both = ringOf(after, before);
    expect(openEnvelope(both, context, sealed)).toBe('text');
    const rewrapped = rewrapEnvelope(both, context, sealed);
    expect(rewrapped.keyId).toBe(after.id);
    expect(rewrapped.ciphertext).toEqual(sealed.ciphertext);
    expect(openEnvelope(ringOf(after), context, rewrapped)).toBe('text');
  });

  it('names an unknown master key and what to do', () => {
    const sealed = sealEnvelope(ringOf(newKey()), context, 'text');
    expect(() => openEnvelope(keyring, context, sealed)).toThrow(
      expect.objectContaining({
        code: 'unknown_encryption_key',
        message: expect.stringContaining(sealed.keyId),
        hint: expect.stringContaining('ENCRYPTION_KEYS_PREVIOUS'),
      }),
    );
  });

  it('refuses a key id that names another known key', () => {
    const [before, after] = [newKey(), newKey()];
    const sealed = sealEnvelope(ringOf(before), context, 'text');
    const lying = { ...sealed, keyId: after.id };
    expect(() => openEnvelope(ringOf(after, before), context, lying)).toThrow(
      expect.objectContaining({ code: 'secret_damaged' }),
    );
  });
});
