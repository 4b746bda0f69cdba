import { SECRET_PROVIDERS, type SecretProvider } from '@/lib/secrets/secrets.types.ts';

/** One input of the form that stores a secret. `name` is its path in the request body. */
export interface ProviderField {
  name: string;
  label: string;
  help: string;
  placeholder: string;
  required: boolean;
  /** Shown as dots, and never sent back. */
  secret: boolean;
}

export interface ProviderDescription {
  id: SecretProvider;
  title: string;
  /** What Longshore uses it for. */
  purpose: string;
  /** Where a person finds the key, step by step. */
  where: string;
  url: string;
  fields: readonly ProviderField[];
}

const key = (help: string, placeholder: string): ProviderField => ({
  name: 'api_key',
  label: 'API key',
  help,
  placeholder,
  required: true,
  secret: true,
});

const awsField = (name: string, label: string, help: string, placeholder = ''): ProviderField => ({
  name: `metadata.aws.${name}`,
  label,
  help,
  placeholder,
  required: name === 's3_bucket',
  secret: name === 'secret_access_key',
});

const AWS: ProviderDescription = {
  id: 'aws',
  title: 'AWS S3',
  purpose: 'Keeps your datasets in your own S3 bucket, and runs SageMaker jobs.',
  where:
    'In the AWS console: IAM > Users > your user > Security credentials > Create access key. ' +
    'Attach the policy shown here to that user, and nothing more. Or give a role instead of keys.',
  url: 'https://console.aws.amazon.com/iam/home#/users',
  fields: [
    {
      name: 'api_key',
      label: 'Access key ID',
      help: '20 characters that begin with AKIA. Leave it and the secret empty when a role is used.',
      placeholder: 'AKIA...',
      required: false,
      secret: false,
    },
    awsField('secret_access_key', 'Secret access key', '40 characters, shown once when the key is made.'),
    awsField('s3_bucket', 'Bucket', 'The name alone, without s3:// and without a folder.', 'my-datasets'),
    awsField('region', 'Region', 'Where the bucket is. Default us-east-1.', 'us-east-1'),
    awsField('endpoint', 'Endpoint', 'Only for stores that are not AWS: R2, MinIO, Ceph, B2, ...', 'https://...'),
    awsField(
      'role_arn',
      'Role ARN',
      'A role in your account that Longshore may assume. Its trust policy must name the external id shown here.',
      'arn:aws:iam::123456789012:role/longshore',
    ),
    awsField(
      'sagemaker_role_arn',
      'SageMaker role ARN',
      'Only for training on SageMaker: the role that the jobs run under.',
      'arn:aws:iam::123456789012:role/sagemaker',
    ),
  ],
};

const RUNPOD: ProviderDescription = {
  id: 'runpod',
  title: 'RunPod',
  purpose: 'Starts and stops training pods in your RunPod account.',
  where: 'In the RunPod console: Settings > API Keys > Create API Key, with permission to manage pods.',
  url: 'https://console.runpod.io/user/settings',
  fields: [key('Begins with rpa_.', 'rpa_...')],
};

const LAMBDA: ProviderDescription = {
  id: 'lambda',
  title: 'Lambda Cloud',
  purpose: 'Starts and stops training instances in your Lambda Cloud account.',
  where: 'In the Lambda Cloud console: API keys > Generate API key.',
  url: 'https://cloud.lambda.ai/api-keys',
  fields: [
    key('Begins with secret_.', 'secret_...'),
    {
      name: 'metadata.lambda.ssh_key_name',
      label: 'SSH key name',
      help: 'The name of an SSH key in your Lambda account. Instances cannot start without one.',
      placeholder: 'my-laptop',
      required: false,
      secret: false,
    },
  ],
};

const HUGGINGFACE: ProviderDescription = {
  id: 'huggingface',
  title: 'Hugging Face',
  purpose: 'Lets training jobs fetch gated models, and push what they trained.',
  where: 'On huggingface.co: Settings > Access Tokens > Create new token. Read is enough to fetch; write to push.',
  url: 'https://huggingface.co/settings/tokens',
  fields: [
    key('Begins with hf_.', 'hf_...'),
    {
      name: 'metadata.huggingface.username',
      label: 'User name',
      help: 'The user or organisation that trained models are pushed to.',
      placeholder: 'ada',
      required: false,
      secret: false,
    },
  ],
};

const BY_ID: Readonly<Record<SecretProvider, ProviderDescription>> = {
  aws: AWS,
  runpod: RUNPOD,
  lambda: LAMBDA,
  huggingface: HUGGINGFACE,
};

export const PROVIDERS: readonly ProviderDescription[] = SECRET_PROVIDERS.map((id) => BY_ID[id]);

export function describeProvider(id: SecretProvider): ProviderDescription {
  return BY_ID[id];
}

export function isSecretProvider(text: string): text is SecretProvider {
  return (SECRET_PROVIDERS as readonly string[]).includes(text);
}
