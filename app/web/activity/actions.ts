import type { AuditEntry } from '../shared/api/types.ts';
import type { Option } from '../shared/ui/field.tsx';

/** What actions mean in words. One that is not listed is shown as it is called. */
const WORDS: Readonly<Record<string, string>> = {
  'session.started': 'Signed in',
  'session.ended': 'Signed out',
  'key.created': 'Made an API key',
  'key.revoked': 'Revoked an API key',
  'user.created': 'Added a user',
  'user.updated': 'Changed a user',
  'user.made_admin': 'Made a user an admin',
  'secret.stored': 'Stored a secret',
  'secret.tested': 'Tested a secret',
  'secret.activated': 'Took a secret into use',
  'secret.deleted': 'Deleted a secret',
  'dataset.created': 'Made a dataset',
  'dataset.updated': 'Changed a dataset',
  'dataset.deleted': 'Deleted a dataset',
  'dataset.link_made': 'Made a download link',
  'dataset.exported': 'Exported records',
  'dataset.verified': 'Read all copies back',
  'dataset.repair_asked': 'Asked for a repair',
  'replica.missing': 'Found a copy missing',
  'replica.corrupt': 'Found a copy damaged',
  'orphan.adopted': 'Took an orphan back',
  'orphan.removed': 'Removed an orphan',
  'phase.changed': 'Changed the storage phase',
  'phase.forced': 'Forced a storage phase',
};

export function wordsOf(action: string): string {
  const words = WORDS[action] ?? action.replaceAll('_', ' ').replace('.', ': ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** What stands before the point of an action, to filter by. */
export const AREAS: readonly Option[] = [
  { value: '', label: 'Everything' },
  { value: 'session', label: 'Sign-in' },
  { value: 'key', label: 'API keys' },
  { value: 'user', label: 'Users' },
  { value: 'secret', label: 'Secrets' },
  { value: 'dataset', label: 'Datasets' },
  { value: 'replica', label: 'Damaged copies' },
  { value: 'orphan', label: 'Orphans' },
  { value: 'phase', label: 'Storage phase' },
  { value: 'migration', label: 'Migration' },
  { value: 'training', label: 'Training' },
];

const WAYS_IN: Readonly<Record<string, string>> = {
  api_key: 'with an API key',
  jwt: 'with an access token',
  link: 'by a sign-in link',
};

/** The details of an entry on one line. */
export function detailsOf({ action, details }: AuditEntry): string {
  if (details === null) return '';
  const wayIn = action === 'session.started' ? WAYS_IN[String(details.by)] : undefined;
  if (wayIn !== undefined) return wayIn;
  return Object.entries(details)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(
      ([name, value]) =>
        `${name.replaceAll('_', ' ')}: ${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
    )
    .join(', ');
}
