import type { AwsDoctor } from '@/lib/secrets/doctor/aws-doctor.ts';
import type { DoctorReport } from '@/lib/secrets/doctor/report.ts';
import type { SecretTester, TestOptions } from '@/lib/secrets/ports.ts';
import { type TokenProvider, type TokenTestOptions, testToken } from '@/lib/secrets/providers/token-test.ts';
import type { SecretContents, SecretProvider } from '@/lib/secrets/secrets.types.ts';

/** Tests credentials where they are valid: AWS by the doctor, tokens by one question to their provider. */
export class ProviderTester implements SecretTester {
  private readonly aws: AwsDoctor;
  private readonly tokens: TokenTestOptions;

  constructor(aws: AwsDoctor, tokens: TokenTestOptions) {
    this.aws = aws;
    this.tokens = tokens;
  }

  test(
    userId: string,
    provider: SecretProvider,
    content: SecretContents[SecretProvider],
    options: TestOptions = {},
  ): Promise<DoctorReport> {
    // Provider and content belong together by the interface's type parameter.
    if (provider === 'aws') return this.aws.examine(content as SecretContents['aws'], userId, options);
    return testToken(provider, content as SecretContents[TokenProvider], this.tokens, options.signal);
  }
}
