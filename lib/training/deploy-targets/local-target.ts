import { z } from 'zod';
import type { JsonObject } from '@/lib/db/schema.ts';
import type { DeployPlan, DeployTarget, LaunchRequest, Offer, RemoteStatus } from './deploy-target.ts';
import type { PreflightCheck } from './preflight-check.ts';

export const localOptions = z.object({});
export type LocalOptions = z.output<typeof localOptions>;

/** The user's own machines: nothing is rented, the job waits until an agent (`longshore worker`) takes it. */
export class LocalTarget implements DeployTarget<LocalOptions> {
  readonly name = 'local';
  readonly provider = undefined;

  options(given: JsonObject): LocalOptions {
    return localOptions.parse(given);
  }

  diskBytes(): undefined {
    return undefined;
  }

  regionOf(): undefined {
    return undefined;
  }

  callsBack(): boolean {
    return true;
  }

  async checks(): Promise<PreflightCheck[]> {
    return [];
  }

  async plan({ name }: LaunchRequest<LocalOptions>): Promise<DeployPlan> {
    return { name, requests: [], notes: ['The job waits until one of your agents takes it: run longshore worker.'] };
  }

  async launch(): Promise<undefined> {
    return undefined;
  }

  async describe(): Promise<RemoteStatus> {
    return { phase: 'gone', state: 'none', reason: undefined, costUsdPerHour: 0 };
  }

  async end(): Promise<'gone'> {
    return 'gone';
  }

  async offers(): Promise<Offer[]> {
    return [];
  }
}
