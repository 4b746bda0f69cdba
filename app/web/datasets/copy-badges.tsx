import { CircleAlert, CircleCheck, CircleDashed } from 'lucide-react';
import type { Replica } from '../shared/api/types.ts';
import { formatAgo } from '../shared/format.ts';
import { Badge, type Tone } from '../shared/ui/badge.tsx';

const NAMES: Record<Replica['provider'], string> = { s3: 'S3', supabase: 'Supabase', filesystem: 'Disk' };

/** `stored` and `verified` are two things: the store said so, and we read it back. */
export function replicaState(replica: Replica): { word: string; tone: Tone } {
  if (replica.state === 'completed') {
    return replica.verified_at === null ? { word: 'stored', tone: 'accent' } : { word: 'verified', tone: 'good' };
  }
  if (replica.state === 'pending') return { word: 'pending', tone: 'warn' };
  if (replica.state === 'deleting') return { word: 'deleting', tone: 'neutral' };
  return { word: replica.state, tone: 'bad' };
}

export function providerName(provider: Replica['provider']): string {
  return NAMES[provider];
}

const ICONS: Record<Tone, typeof CircleCheck> = {
  good: CircleCheck,
  accent: CircleDashed,
  warn: CircleDashed,
  neutral: CircleDashed,
  bad: CircleAlert,
};

/** One word a copy. The state is told by icon and title, and spelled out only where it is not as it should be. */
export function CopyBadges({ replicas }: { replicas: readonly Replica[] }) {
  if (replicas.length === 0) return <span className="text-muted">–</span>;
  return (
    <span className="flex flex-wrap gap-1">
      {replicas.map((replica) => {
        const { word, tone } = replicaState(replica);
        const Icon = ICONS[tone];
        const title = replica.error?.message ?? `${word}, last verified ${formatAgo(replica.verified_at)}`;
        return (
          <Badge key={`${replica.provider}${replica.key}`} tone={tone} title={title}>
            <Icon className="size-3" aria-hidden />
            {providerName(replica.provider)}
            <span className={tone === 'bad' || tone === 'warn' ? '' : 'sr-only'}>{word}</span>
          </Badge>
        );
      })}
    </span>
  );
}
