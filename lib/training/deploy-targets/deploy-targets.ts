import type { DeployTarget, DeployTargetName } from './deploy-target.ts';
import type { LambdaOptions } from './lambda-target.ts';
import type { LocalOptions } from './local-target.ts';
import type { RunpodOptions } from './runpod-target.ts';
import type { SagemakerOptions } from './sagemaker-options.ts';

export interface DeployTargets {
  local: DeployTarget<LocalOptions>;
  runpod: DeployTarget<RunpodOptions>;
  lambda: DeployTarget<LambdaOptions>;
  sagemaker: DeployTarget<SagemakerOptions>;
}

/** What every target can do without knowing what it was asked for. */
export type AnyTarget = Pick<DeployTarget, 'name' | 'provider' | 'describe' | 'end' | 'offers'>;

export function targetNamed(targets: DeployTargets, name: DeployTargetName): AnyTarget {
  return targets[name];
}
