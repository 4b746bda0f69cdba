import { z } from 'zod';
import { regionOf, type Secret } from '@/lib/secrets/secrets.types.ts';

const DAY_SECONDS = 86_400;

export const sagemakerOptions = z.object({
  image: z.string().min(1).max(255).describe('The registry path of the training image, in the region of the job.'),
  runs: z
    .enum(['worker', 'image'])
    .default('worker')
    .describe(
      'worker: Longshore’s worker runs the command of the job in the image. image: the image trains by itself on the channel `train`.',
    ),
  instance_type: z
    .string()
    .regex(/^ml\.[a-z0-9-]+\.[a-z0-9-]+$/, 'must be like ml.g5.xlarge')
    .default('ml.g5.xlarge'),
  volume_gb: z.number().int().min(1).max(16_384).default(50),
  max_runtime_seconds: z
    .number()
    .int()
    .min(60)
    .max(28 * DAY_SECONDS)
    .default(DAY_SECONDS),
  spot: z.boolean().default(false).describe('Cheaper, and may be interrupted; waits as long again for a machine.'),
  region: z
    .string()
    .regex(/^[a-z]{2}(-[a-z]+)+-\d$/)
    .optional()
    .describe('Default: where your bucket is.'),
  role_arn: z
    .string()
    .regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/)
    .optional()
    .describe('Default: sagemaker_role_arn of your AWS secret.'),
  hyperparameters: z.record(z.string().min(1).max(256), z.string().max(2500)).default({}),
});
export type SagemakerOptions = z.output<typeof sagemakerOptions>;

/** Where the job runs: as asked, else where the user's bucket is. */
export function regionFor({ region }: SagemakerOptions, secret: Secret<'aws'>): string {
  return region ?? regionOf(secret.metadata.aws);
}
