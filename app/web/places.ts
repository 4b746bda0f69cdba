import { Activity, Cpu, Database, HardDrive, KeyRound, type LucideIcon, Settings } from 'lucide-react';
import type { ComponentType } from 'react';

export interface Place {
  href: string;
  label: string;
  icon: LucideIcon;
  /** Pressed after `g`. */
  key: string;
  /** For the palette: other words that one may look for. */
  words?: string;
  load: () => Promise<{ default: ComponentType }>;
}

/** The screens of the page, in the order of its navigation. A screen's code is loaded when it is first opened. */
export const PLACES: readonly Place[] = [
  {
    href: '/datasets',
    label: 'Datasets',
    icon: Database,
    key: 'd',
    words: 'upload files records',
    load: () => import('./datasets/dataset-list.tsx'),
  },
  {
    href: '/storage',
    label: 'Storage',
    icon: HardDrive,
    key: 's',
    words: 'phase stores buckets s3 migration scrub repair orphans estimate copies',
    load: () => import('./storage/storage-screen.tsx'),
  },
  {
    href: '/training',
    label: 'Training',
    icon: Cpu,
    key: 't',
    words: 'jobs gpu runpod lambda sagemaker worker logs metrics loss',
    load: () => import('./training/training-screen.tsx'),
  },
  {
    href: '/secrets',
    label: 'Secrets',
    icon: KeyRound,
    key: 'k',
    words: 'aws s3 bucket credentials runpod lambda hugging face',
    load: () => import('./secrets/secrets-screen.tsx'),
  },
  {
    href: '/activity',
    label: 'Activity',
    icon: Activity,
    key: 'a',
    words: 'audit log history',
    load: () => import('./activity/activity-screen.tsx'),
  },
  {
    href: '/settings',
    label: 'Settings',
    icon: Settings,
    key: ',',
    words: 'api keys users system version disk',
    load: () => import('./settings/settings-screen.tsx'),
  },
];
