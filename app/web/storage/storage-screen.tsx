import { useSession } from '../account/session.tsx';
import { Badge } from '../shared/ui/badge.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { type TabDefinition, UrlTabs } from '../shared/ui/tabs.tsx';
import { EstimatePanel } from './estimate/estimate-panel.tsx';
import { IntegrityPanel } from './integrity/integrity-panel.tsx';
import { MigrationPanel } from './migration/migration-panel.tsx';
import { OrphansPanel } from './orphans/orphans-panel.tsx';
import { OverviewPanel } from './overview/overview-panel.tsx';
import { PhasePanel } from './phase/phase-panel.tsx';
import { useStorage } from './queries.ts';
import { PHASES } from './words.ts';

const FOR_ALL: readonly TabDefinition[] = [
  { id: 'overview', label: 'Overview', render: () => <OverviewPanel /> },
  { id: 'integrity', label: 'Scrub and repair', render: () => <IntegrityPanel /> },
];

const FOR_ADMINS: readonly TabDefinition[] = [
  { id: 'overview', label: 'Overview', render: () => <OverviewPanel /> },
  { id: 'phase', label: 'Phase', render: () => <PhasePanel /> },
  { id: 'migration', label: 'Migration', render: () => <MigrationPanel /> },
  { id: 'estimate', label: 'Estimate', render: () => <EstimatePanel /> },
  { id: 'integrity', label: 'Scrub and repair', render: () => <IntegrityPanel /> },
  { id: 'orphans', label: 'Orphans', render: () => <OrphansPanel /> },
];

export default function StorageScreen() {
  const isAdmin = useSession().user.role === 'admin';
  const storage = useStorage();
  return (
    <div className="flex flex-col gap-5">
      <PageHeader
        title="Storage"
        badge={storage.isSuccess && <Badge tone="accent">{PHASES[storage.data.phase].title}</Badge>}
        description={
          isAdmin
            ? 'Where every dataset lies, how many copies were read back, and the way to S3 and back.'
            : 'Where your datasets lie, and how many of their copies were read back.'
        }
      />
      <UrlTabs label="Storage" tabs={isAdmin ? FOR_ADMINS : FOR_ALL} />
    </div>
  );
}
