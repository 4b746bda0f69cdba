import { useEffect, useState } from 'react';
import type { TrainingJobEvent } from '../shared/api/types.ts';
import { type Story, StoryTeller } from './job-story.ts';

/** A burst of lines is drawn once. */
const GATHER_MS = 150;
const KINDS = ['log', 'metric', 'state', 'stage'] as const;

export interface Followed {
  story: Story | undefined;
  /** `live`: more may come; `ended`: the job is over and all was told; `lost`: the connection is being made again. */
  link: 'opening' | 'live' | 'lost' | 'ended';
}

/** All that a job said and says, until it is over: a job that is begun again needs a new caller. */
export function useJobStory(id: string): Followed {
  const [followed, setFollowed] = useState<Followed>({ story: undefined, link: 'opening' });
  useEffect(() => {
    const teller = new StoryTeller();
    const source = new EventSource(`/api/training/jobs/${id}/events`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let link: Followed['link'] = 'live';
    const show = () => {
      clearTimeout(timer);
      timer = undefined;
      setFollowed({ story: teller.story(), link });
    };
    const turn = (to: Followed['link']) => () => {
      if (link === 'ended') return;
      link = to;
      show();
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (message) => {
        teller.add(JSON.parse(message.data) as TrainingJobEvent);
        timer ??= setTimeout(show, GATHER_MS);
      });
    }
    // What was said before comes at once: shown together with it, nothing looks empty for a moment.
    source.addEventListener('open', () => {
      if (link !== 'ended') link = 'live';
      timer ??= setTimeout(show, GATHER_MS);
    });
    source.addEventListener('error', turn('lost'));
    source.addEventListener('end', () => {
      source.close();
      turn('ended')();
    });
    return () => {
      clearTimeout(timer);
      source.close();
    };
  }, [id]);
  return followed;
}
