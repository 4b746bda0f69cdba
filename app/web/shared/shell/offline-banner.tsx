import { CloudOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useLive } from '../live/live-events.tsx';

/** A short interruption is mended before anybody needs to know. */
const PATIENCE_MS = 2500;

/** Says that what is shown may be old, and that it mends itself. */
export function OfflineBanner() {
  const { connected } = useLive();
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (connected) return setLate(false);
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [connected]);
  if (!late) return null;
  return (
    <div
      role="status"
      className="sticky top-0 z-30 flex items-center justify-center gap-2 border-b border-warn/30 bg-warn-soft px-4 py-2 text-sm text-warn"
    >
      <CloudOff className="size-4 shrink-0" aria-hidden />
      The server does not answer. What you see may be old; it is loaded again as soon as the connection is back.
    </div>
  );
}
