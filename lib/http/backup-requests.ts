import { z } from 'zod';

const sealedKeys = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('plain'), keys: z.array(z.object({ id: z.string(), hex: z.string() })) }),
  z.object({
    kind: z.literal('passphrase'),
    salt: z.string(),
    cost: z.object({ N: z.number(), r: z.number(), p: z.number() }),
    box: z.string(),
  }),
]);

export const backupBody = z.object({
  keys: sealedKeys.nullable().describe('The master keys as the command sealed them; null leaves them out.'),
});

export const backupView = z.object({
  file: z.string().describe('On the machine of the server.'),
  rows: z.record(z.string(), z.number()),
  sha256: z.string(),
  keys: z.enum(['absent', 'plain', 'sealed']),
});
