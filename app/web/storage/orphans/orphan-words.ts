import type { OrphanPage } from '../../shared/api/types.ts';
import type { Tone } from '../../shared/ui/badge.tsx';

export type Orphan = OrphanPage['orphans'][number];

interface Verdict {
  word: string;
  tone: Tone;
  means: string;
  adopt: boolean;
  remove: boolean;
}

/** What an orphan is, and what may be done about it (docs/operations.md). */
export const VERDICTS: Readonly<Record<Orphan['verdict'], Verdict>> = {
  adoptable: {
    word: 'adoptable',
    tone: 'good',
    means: 'Signed by us for this place; its dataset lives with these bytes.',
    adopt: true,
    remove: false,
  },
  restorable: {
    word: 'restorable',
    tone: 'accent',
    means: 'Signed by us; the database knows nothing of its dataset. longshore rebuild gives it back.',
    adopt: false,
    remove: true,
  },
  deleted: {
    word: 'deleted',
    tone: 'neutral',
    means: 'Signed by us; its dataset was deleted.',
    adopt: false,
    remove: true,
  },
  stale: {
    word: 'stale',
    tone: 'neutral',
    means: 'Signed by us; its dataset lives with other bytes.',
    adopt: false,
    remove: true,
  },
  quarantined: {
    word: 'quarantined',
    tone: 'warn',
    means: 'Not proved to be ours. Look at it in the store itself.',
    adopt: false,
    remove: false,
  },
};

export const REASONS: Readonly<Record<NonNullable<Orphan['reason']>, string>> = {
  unsigned: 'It carries no signature of ours.',
  other_installation: 'Another installation signed it.',
  wrong_place: 'It was signed for another place.',
};
