import { useUrlState } from '../shared/url-state.ts';
import { JobList } from './job-list.tsx';
import { StartJob } from './start-job.tsx';

export default function TrainingScreen() {
  const [fresh] = useUrlState('new');
  return fresh === '' ? <JobList /> : <StartJob />;
}
