import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { Button, IconButton } from './button.tsx';

export interface Toast {
  text: string;
  tone?: 'good' | 'bad';
  /** Takes back what was just done. */
  undo?: () => void;
}

const SHOWN_MS = 6000;
const SHOWN_WITH_UNDO_MS = 10_000;
const MOST = 4;

type Say = (toast: Toast) => void;
const SayContext = createContext<Say | undefined>(undefined);

/** Says for a few seconds what was done; only below ToastProvider. */
export function useToast(): Say {
  const say = useContext(SayContext);
  if (say === undefined) throw new Error('useToast needs a ToastProvider above it');
  return say;
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<(Toast & { id: number })[]>([]);
  const drop = useCallback((id: number) => setToasts((now) => now.filter((toast) => toast.id !== id)), []);
  const say = useMemo<Say>(() => {
    let next = 0;
    return (toast) => setToasts((now) => [...now, { ...toast, id: next++ }].slice(-MOST));
  }, []);
  return (
    <SayContext value={say}>
      {children}
      <div
        aria-live="polite"
        className="pointer-events-none fixed right-0 bottom-16 z-60 flex w-full flex-col items-end gap-2 p-4 md:bottom-0"
      >
        {toasts.map((toast) => (
          <Shown key={toast.id} toast={toast} onDone={() => drop(toast.id)} />
        ))}
      </div>
    </SayContext>
  );
}

function Shown({ toast, onDone }: { toast: Toast; onDone: () => void }) {
  useEffect(() => {
    const timer = setTimeout(onDone, toast.undo === undefined ? SHOWN_MS : SHOWN_WITH_UNDO_MS);
    return () => clearTimeout(timer);
  }, [toast, onDone]);
  const bad = toast.tone === 'bad';
  const Icon = bad ? CircleAlert : CircleCheck;
  return (
    <div className="pointer-events-auto flex max-w-md items-center gap-2.5 rounded-lg border border-line bg-surface py-2 pr-2 pl-3 text-sm shadow-lg">
      <Icon className={bad ? 'size-4 shrink-0 text-bad' : 'size-4 shrink-0 text-good'} aria-hidden />
      <span className="min-w-0 break-words">{toast.text}</span>
      {toast.undo !== undefined && (
        <Button
          look="quiet"
          className="h-7 text-accent"
          onClick={() => {
            toast.undo?.();
            onDone();
          }}
        >
          Undo
        </Button>
      )}
      <IconButton label="Dismiss" className="size-7" onClick={onDone}>
        <X className="size-3.5" aria-hidden />
      </IconButton>
    </div>
  );
}
