import { SagemakerError } from './sagemaker-error.ts';
import type { TrainingJobRequest } from './sagemaker-jobs.ts';

type Body = Record<string, unknown>;

const MAX_ENTRIES = 100;

/** Throws ValidationException for what the API reference of CreateTrainingJob does not allow. */
export function readTrainingJobRequest(body: Body): TrainingJobRequest {
  const problems = [...missing(body), ...outOfRange(body)];
  if (problems.length > 0) {
    const plural = problems.length === 1 ? 'error' : 'errors';
    throw invalid(`${problems.length} validation ${plural} detected: ${problems.join('; ')}`);
  }
  const request = body as unknown as TrainingJobRequest;
  checkRules(request);
  return request;
}

export function invalid(message: string): SagemakerError {
  return new SagemakerError('ValidationException', message);
}

const REQUIRED = [
  'TrainingJobName',
  'RoleArn',
  'AlgorithmSpecification.TrainingInputMode',
  'OutputDataConfig.S3OutputPath',
  'ResourceConfig.VolumeSizeInGB',
  'StoppingCondition',
];

function missing(body: Body): string[] {
  return REQUIRED.filter((path) => at(body, path) === undefined).map(
    (path) => `Value null at '${memberName(path)}' failed to satisfy constraint: Member must not be null`,
  );
}

function outOfRange(body: Body): string[] {
  const name = at(body, 'TrainingJobName');
  const role = at(body, 'RoleArn');
  const problems: string[] = [];
  if (typeof name === 'string' && !/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/.test(name)) {
    problems.push(pattern(name, 'trainingJobName', '^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}'));
  }
  if (typeof role === 'string' && !/^arn:aws[a-z-]*:iam::\d{12}:role\/?[\w+=,.@/-]+$/.test(role)) {
    problems.push(pattern(role, 'roleArn', '^arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+$'));
  }
  for (const path of ['HyperParameters', 'Environment']) {
    const map = at(body, path);
    if (map !== undefined && Object.keys(map as Body).length > MAX_ENTRIES) {
      problems.push(
        `Value at '${memberName(path)}' failed to satisfy constraint: Map may have at most ${MAX_ENTRIES} entries`,
      );
    }
  }
  return problems;
}

function pattern(value: string, member: string, regex: string): string {
  return `Value '${value}' at '${member}' failed to satisfy constraint: Member must satisfy regular expression pattern: ${regex}`;
}

function at(body: Body, path: string): unknown {
  return path.split('.').reduce<unknown>((value, part) => (value as Body | undefined)?.[part], body);
}

function memberName(path: string): string {
  return path
    .split('.')
    .map((part) => part.charAt(0).toLowerCase() + part.slice(1))
    .join('.');
}

/** Rules between members. */
function checkRules(request: TrainingJobRequest): void {
  const { TrainingImage, AlgorithmName } = request.AlgorithmSpecification;
  if ((TrainingImage === undefined) === (AlgorithmName === undefined)) {
    throw invalid('You must specify exactly one of TrainingImage and AlgorithmName in AlgorithmSpecification.');
  }
  const { MaxRuntimeInSeconds: runtime = 86_400, MaxWaitTimeInSeconds: wait } = request.StoppingCondition;
  if (request.EnableManagedSpotTraining === true && (wait === undefined || wait < runtime)) {
    throw invalid(
      'Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds',
    );
  }
  for (const channel of request.InputDataConfig ?? []) {
    const mode = channel.InputMode ?? request.AlgorithmSpecification.TrainingInputMode;
    if (channel.CompressionType === 'Gzip' && mode !== 'Pipe') {
      throw invalid(`CompressionType Gzip is not supported in ${mode} mode for channel ${channel.ChannelName}`);
    }
  }
}
