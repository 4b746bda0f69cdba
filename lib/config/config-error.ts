import { LongshoreError } from '@/lib/errors.ts';

/** One thing that is wrong with the environment. Never contains the value: it may be a secret. */
export interface ConfigFault {
  variable: string;
  problem: string;
  /** A value that would do, or what to run. */
  example: string;
}

/** Everything that is wrong with the environment, told together. */
export class ConfigError extends LongshoreError {
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super('invalid_config', describe(faults), { hint: 'Set these environment variables right and start again.' });
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

function describe(faults: readonly ConfigFault[]): string {
  const lines = faults.map(({ variable, problem, example }) => `  ${variable}: ${problem}\n      ${example}`);
  const count = faults.length === 1 ? 'One setting is' : `${faults.length} settings are`;
  return `${count} wrong:\n${lines.join('\n')}`;
}
