import type { AwsRequester } from '@/lib/secrets/aws/aws-request.ts';
import type { AwsSessions } from '@/lib/secrets/aws/aws-sessions.ts';
import type { HttpReply } from '@/lib/secrets/http-port.ts';
import type { Secret } from '@/lib/secrets/secrets.types.ts';
import { jsonOf, type ProviderGate, textOf } from './provider-gate.ts';

export type SagemakerOperation = 'CreateTrainingJob' | 'DescribeTrainingJob' | 'StopTrainingJob';

export interface SagemakerCall {
  operation: SagemakerOperation;
  region: string;
  body: object;
  signal?: AbortSignal;
}

export interface SagemakerReply {
  ok: boolean;
  body: unknown;
  /** `__type` without its namespace. */
  code: string | undefined;
  message: string | undefined;
  status: number;
}

/**
 * Three operations of SageMaker in AWS JSON 1.1, signed with what the user's secret gives. All are safe to repeat: a
 * training job's name is taken for ever, so that a second creation answers ResourceInUse.
 */
export class SagemakerApi {
  readonly #requester: AwsRequester;
  readonly #sessions: Pick<AwsSessions, 'credentialsFor'>;
  readonly #gate: ProviderGate;
  readonly #baseUrl: string | undefined;

  /** @param parts.baseUrl instead of AWS's own address in each region */
  constructor(parts: {
    requester: AwsRequester;
    sessions: Pick<AwsSessions, 'credentialsFor'>;
    gate: ProviderGate;
    baseUrl: string | undefined;
  }) {
    this.#requester = parts.requester;
    this.#sessions = parts.sessions;
    this.#gate = parts.gate;
    this.#baseUrl = parts.baseUrl;
  }

  urlOf(region: string): URL {
    if (this.#baseUrl !== undefined) return new URL(this.#baseUrl);
    return new URL(
      `https://api.sagemaker.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}/`,
    );
  }

  headersOf(operation: SagemakerOperation): Record<string, string> {
    return { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `SageMaker.${operation}` };
  }

  /** @throws target_unavailable, target_rate_limited, StorageError and `role_refused` of the credentials */
  async call(secret: Secret<'aws'>, { operation, region, body, signal }: SagemakerCall): Promise<SagemakerReply> {
    const credentials = await this.#sessions.credentialsFor(secret);
    const bytes = Buffer.from(JSON.stringify(body));
    const url = this.urlOf(region);
    const reply = await this.#gate.ask(
      (limited) =>
        this.#requester.request(credentials, {
          ...{ service: 'sagemaker', method: 'POST', region, url, body: bytes, signal: limited },
          headers: this.headersOf(operation),
        }),
      { account: secret.id, repeatable: true, signal },
    );
    return read(reply);
  }
}

function read(reply: HttpReply): SagemakerReply {
  const body = jsonOf(reply);
  return {
    ok: reply.status === 200,
    body,
    code: textOf(body, '__type')?.split('#').at(-1),
    message: textOf(body, 'message') ?? textOf(body, 'Message'),
    status: reply.status,
  };
}

/** AWS says "slow down" by 400 and a code. */
export function isThrottled(reply: HttpReply): boolean {
  if (reply.status !== 400) return false;
  return /ThrottlingException|TooManyRequests|RequestLimitExceeded/.test(textOf(jsonOf(reply), '__type') ?? '');
}
