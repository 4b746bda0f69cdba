import { useSession } from '../account/session.tsx';
import { PageHeader } from '../shared/ui/page-header.tsx';
import { type TabDefinition, UrlTabs } from '../shared/ui/tabs.tsx';
import { ApiKeys } from './api-keys.tsx';
import { SystemPanel } from './system-panel.tsx';
import { Users } from './users.tsx';

export default function SettingsScreen() {
  const { user } = useSession();
  const tabs: TabDefinition[] = [{ id: 'keys', label: 'API keys', render: () => <ApiKeys /> }];
  if (user.role === 'admin') tabs.push({ id: 'users', label: 'Users', render: () => <Users /> });
  tabs.push({ id: 'system', label: 'System', render: () => <SystemPanel /> });
  return (
    <div className="flex flex-col gap-5">
      <PageHeader title="Settings" />
      <UrlTabs label="Settings" tabs={tabs} />
    </div>
  );
}
