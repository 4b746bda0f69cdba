import type { TrainingTarget } from '../shared/api/types.ts';

export interface MachineField {
  name: string;
  label: string;
  help?: string;
  /** What the server takes where nothing is said. */
  placeholder?: string;
  required?: boolean;
  kind: 'text' | 'number' | 'flag';
  /** Instead of a text: the values to choose from, the first being the server's own choice. */
  choices?: readonly string[];
}

/** What each target wants to know of its machine; the server judges it. */
export const MACHINE_FIELDS: Readonly<Record<TrainingTarget, readonly MachineField[]>> = {
  local: [],
  runpod: [
    { name: 'gpu_type', label: 'GPU', kind: 'text', placeholder: 'NVIDIA GeForce RTX 4090' },
    { name: 'gpu_count', label: 'GPUs', kind: 'number', placeholder: '1' },
    { name: 'cloud', label: 'Cloud', kind: 'text', choices: ['SECURE', 'COMMUNITY'] },
    { name: 'disk_gb', label: 'Disk in GB', kind: 'number', placeholder: '50' },
    {
      name: 'image',
      label: 'Container image',
      kind: 'text',
      placeholder: 'pytorch/pytorch:2.7.1-cuda12.8-cudnn9-runtime',
    },
  ],
  lambda: [
    { name: 'instance_type', label: 'Instance type', kind: 'text', placeholder: 'gpu_1x_a10' },
    { name: 'region', label: 'Region', kind: 'text', required: true, help: 'One that has this type free.' },
    { name: 'ssh_key_name', label: 'SSH key', kind: 'text', placeholder: 'the one stored with your credentials' },
    { name: 'file_system', label: 'File system', kind: 'text', help: 'Of the same region, to attach.' },
  ],
  sagemaker: [
    {
      name: 'image',
      label: 'Training image',
      kind: 'text',
      required: true,
      help: 'Its registry path, in the region of the job.',
    },
    {
      name: 'runs',
      label: 'What runs',
      kind: 'text',
      choices: ['worker', 'image'],
      help: 'worker: your command, beside the dataset. image: the image trains by itself on the channel train.',
    },
    { name: 'instance_type', label: 'Instance type', kind: 'text', placeholder: 'ml.g5.xlarge' },
    { name: 'volume_gb', label: 'Disk in GB', kind: 'number', placeholder: '50' },
    { name: 'max_runtime_seconds', label: 'At most seconds', kind: 'number', placeholder: '86400' },
    { name: 'region', label: 'Region', kind: 'text', placeholder: 'where your bucket is' },
    { name: 'role_arn', label: 'Role', kind: 'text', placeholder: 'sagemaker_role_arn of your AWS secret' },
    { name: 'spot', label: 'Spot machine', kind: 'flag', help: 'Cheaper, and may be interrupted.' },
  ],
};
