import { z } from 'zod';
import { MASK, type WorkerStart } from './deploy-target.ts';

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const MAX_VARIABLES = 64;
const MAX_BYTES = 32 * 1024;

/**
 * Variables that a user adds to a machine. They may hold secrets of the user's own, so they are sent to the machine and
 * kept nowhere. Messages name the variable and never show its value.
 */
export const addedEnvironment = z
  .record(z.string(), z.string())
  .superRefine((variables, context) => {
    const refuse = (name: string, message: string) => context.addIssue({ code: 'custom', path: [name], message });
    for (const [name, value] of Object.entries(variables)) {
      if (!NAME.test(name))
        refuse(name.slice(0, 40), 'is not a name: letters, digits and _, not beginning with a digit');
      else if (/^LONGSHORE_/i.test(name)) refuse(name, 'is reserved: LONGSHORE_ variables are set by Longshore');
      if (value.includes('\0')) refuse(name.slice(0, 40), 'holds a NUL character');
    }
    const sizeBytes = Object.entries(variables).reduce((sum, pair) => sum + Buffer.byteLength(pair.join('=')), 0);
    if (sizeBytes > MAX_BYTES) refuse('', `is larger than ${MAX_BYTES} bytes`);
    if (Object.keys(variables).length > MAX_VARIABLES) refuse('', `has more than ${MAX_VARIABLES} variables`);
  })
  .default({});

/** Of the variables that Longshore sets, only these say nothing in confidence. */
const OPEN = new Set(['LONGSHORE_URL', 'LONGSHORE_JOB_ID']);

/** The same names, with every value hidden that may be a secret: the job's token and whatever the user added. */
export function maskedWorker(worker: WorkerStart): WorkerStart {
  const masked = Object.entries(worker.environment).map(([name, value]) => [name, OPEN.has(name) ? value : MASK]);
  return { ...worker, environment: Object.fromEntries(masked) };
}

/** What must never be seen in an answer, an event or a log. */
export function secretsOf(worker: WorkerStart): string[] {
  const values = Object.entries(worker.environment).flatMap(([name, value]) => (OPEN.has(name) ? [] : [value]));
  return values.filter((value) => value.length >= 6);
}
