import { type ComponentType, lazy, Suspense } from 'react';
import { Redirect, Route, Switch } from 'wouter';
import { SessionGate } from './account/session.tsx';
import { PLACES } from './places.ts';
import { LiveEvents } from './shared/live/live-events.tsx';
import { Layout } from './shared/shell/layout.tsx';
import { ScreenBoundary } from './shared/shell/screen-boundary.tsx';
import { ShortcutProvider } from './shared/shell/shortcuts.tsx';
import { PageHeader } from './shared/ui/page-header.tsx';
import { ScreenSkeleton } from './shared/ui/states.tsx';
import { ToastProvider } from './shared/ui/toast.tsx';
import { UploadProvider } from './uploads/upload-provider.tsx';

const SCREENS = PLACES.map(({ href, load }): { href: string; Screen: ComponentType } => ({ href, Screen: lazy(load) }));
const DatasetDetail = lazy(() => import('./datasets/dataset-detail.tsx'));
const JobDetail = lazy(() => import('./training/job-detail.tsx'));

/** Every screen has an address that can be shared, and which holds what is chosen in it. */
export function App() {
  return (
    <ToastProvider>
      <SessionGate>
        <LiveEvents>
          <ShortcutProvider>
            <UploadProvider>
              <Layout>
                <ScreenBoundary>
                  <Suspense fallback={<ScreenSkeleton />}>
                    <Screens />
                  </Suspense>
                </ScreenBoundary>
              </Layout>
            </UploadProvider>
          </ShortcutProvider>
        </LiveEvents>
      </SessionGate>
    </ToastProvider>
  );
}

function Screens() {
  return (
    <Switch>
      <Route path="/">
        <Redirect to="/datasets" replace />
      </Route>
      {SCREENS.map(({ href, Screen }) => (
        <Route key={href} path={href} component={Screen} />
      ))}
      <Route path="/datasets/:id">{({ id }) => <DatasetDetail id={id} key={id} />}</Route>
      <Route path="/training/:id">{({ id }) => <JobDetail id={id} key={id} />}</Route>
      <Route>
        <PageHeader
          back={{ href: '/datasets', label: 'Datasets' }}
          title="There is no such page"
          description="Perhaps the address was cut off when it was copied."
        />
      </Route>
    </Switch>
  );
}
