/**
 * npm run rehearsal -- --seed 1 --datasets 20000 --kills 50
 * The move to S3 at scale, on loopback: docs/migration.md says what it proves. Needs PostgreSQL binaries and free disk of
 * twice the datasets' size.
 */
import { parseArgs } from 'node:util';
import { rehearse } from '../tests/support/rehearsal/rehearsal.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    datasets: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '50' },
    'largest-bytes': { type: 'string', default: '200000000' },
    'kill-every-seconds': { type: 'string', default: '5' },
    'settle-seconds': { type: 'string', default: '3600' },
  },
});

/** The servers end with this process, in whatever way it ends. */
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const result = await rehearse({
  seed: Number(values.seed),
  datasets: Number(values.datasets),
  kills: Number(values.kills),
  largestBytes: Number(values['largest-bytes']),
  killEveryMs: Number(values['kill-every-seconds']) * 1000,
  settleMs: Number(values['settle-seconds']) * 1000,
  say: (text) => process.stderr.write(`${text}\n`),
});
process.stdout.write(`${JSON.stringify({ ...result, faults: result.faults.slice(0, 100) }, null, 2)}\n`);
process.exitCode = result.faults.length === 0 ? 0 : 1;
