import { lazy, Suspense } from 'react';
import { Redirect, Route, Switch } from 'wouter';
import { SessionGate } from './account/session.tsx';
import { DatasetList } from './datasets/dataset-list.tsx';
import { Layout } from './shared/layout.tsx';
import { EmptyState, Loading } from './shared/ui/states.tsx';

const DatasetDetail = lazy(() => import('./datasets/dataset-detail.tsx'));

/** Every screen has an address that can be shared. */
export function App() {
  return (
    <SessionGate>
      <Layout>
        <Suspense fallback={<Loading />}>
          <Switch>
            <Route path="/">
              <Redirect to="/datasets" replace />
            </Route>
            <Route path="/datasets" component={DatasetList} />
            <Route path="/datasets/:id">{({ id }) => <DatasetDetail id={id} key={id} />}</Route>
            <Route>
              <EmptyState title="There is no such page">Perhaps the address was cut off when it was copied.</EmptyState>
            </Route>
          </Switch>
        </Suspense>
      </Layout>
    </SessionGate>
  );
}
