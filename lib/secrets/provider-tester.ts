import { LongshoreError } from '@/lib/errors.ts';
import type { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { SecretTester, TestOptions } from '@/lib/secrets/ports.ts';
import { type TokenProvider, type TokenTestOptions, testToken } from '@/lib/secrets/providers/token-test.ts';
import type { SecretContents, SecretProvider } from '@/lib/secrets/secrets.types.ts';

/** Tests credentials where they are valid: AWS by the doctor, tokens by one question to their provider. */
export class ProviderTester implements SecretTester {
  private readonly aws: AwsDoctor;
  private readonly tokens: TokenTestOptions;
  private readonly running = new Map<string, number>();

  constructor(aws: AwsDoctor, tokens: TokenTestOptions) {
    this.aws = aws;
    this.tokens = tokens;
  }

  /** @throws too_many_tests while this user's other tests still run: each is a handful of requests to somebody's server */
  async test(
    userId: string,
    provider: SecretProvider,
    content: SecretContents[SecretProvider],
    options: TestOptions = {},
  ): Promise<DoctorReport> {
    const others = this.running.get(userId) ?? 0;
    if (others >= TESTS_A_USER) throw tooMany();
    this.running.set(userId, others + 1);
    try {
      return await this.run(userId, provider, content, options);
    } finally {
      const left = (this.running.get(userId) ?? 1) - 1;
      if (left > 0) this.running.set(userId, left);
      else this.running.delete(userId);
    }
  }

  private run(
    userId: string,
    provider: SecretProvider,
    content: SecretContents[SecretProvider],
    options: TestOptions,
  ): Promise<DoctorReport> {
    // Provider and content belong together by the interface's type parameter.
    if (provider === 'aws') return this.aws.examine(content as SecretContents['aws'], userId, options);
    return testToken(provider, content as SecretContents[TokenProvider], this.tokens, options.signal);
  }
}

const TESTS_A_USER = 3;

function tooMany(): LongshoreError {
  return new LongshoreError('too_many_tests', 'Other tests of your credentials are still running.', {
    hint: 'Wait until they are done.',
    details: { retry_after_seconds: 5 },
  });
}
