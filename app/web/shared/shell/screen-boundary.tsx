import { Component, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { Button } from '../ui/button.tsx';
import { EmptyState } from '../ui/states.tsx';

/** A fault in one screen leaves the rest of the page standing; moving on forgets it. */
export function ScreenBoundary({ children }: { children: ReactNode }) {
  const [path] = useLocation();
  return <Boundary key={path}>{children}</Boundary>;
}

class Boundary extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    const reload = <Button onClick={() => location.reload()}>Load the page again</Button>;
    return (
      <EmptyState title="This screen could not be shown" action={reload}>
        Either the server was updated while this page was open, or there is a fault in the page. Your data is not
        touched by it.
      </EmptyState>
    );
  }
}
