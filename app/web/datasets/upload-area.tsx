import clsx from 'clsx';
import { UploadCloud } from 'lucide-react';
import { type DragEvent, useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { formatBytes, formatSeconds } from '../shared/format.ts';
import { Button } from '../shared/ui/button.tsx';
import { FindingsTable } from './findings-table.tsx';
import { type UploadControl, type UploadState, useUpload } from './use-upload.ts';

/** Drop a file anywhere on the page, or choose one. Shows one upload from its first byte to its dataset or its errors. */
export function UploadArea() {
  const upload = useUpload();
  const over = useFileDrop(upload.start);
  return (
    <section
      aria-label="Upload"
      className={clsx('rounded-lg border bg-surface', over ? 'border-accent ring-2 ring-accent/30' : 'border-line')}
    >
      {upload.state.step === 'idle' ? <Chooser onFile={upload.start} /> : <Progress upload={upload} />}
    </section>
  );
}

function Chooser({ onFile }: { onFile: (file: File) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3.5">
      <UploadCloud className="size-5 text-muted" aria-hidden />
      <p className="min-w-48 flex-1 text-sm text-muted">
        Drop a file anywhere on this page. JSONL, JSON, CSV or Parquet, plain or compressed.
      </p>
      <Button look="primary" onClick={() => input.current?.click()}>
        Choose a file
      </Button>
      <input
        ref={input}
        type="file"
        aria-label="Dataset file"
        className="sr-only"
        tabIndex={-1}
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file !== undefined) onFile(file);
          event.target.value = '';
        }}
      />
    </div>
  );
}

function Progress({ upload }: { upload: UploadControl }) {
  const { state, pause, resume, reset } = upload;
  if (state.step === 'idle') return null;
  return (
    <div className="flex flex-col gap-3 px-4 py-3.5" aria-live="polite">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="min-w-0 truncate text-sm">
          <span className="font-medium">{state.name}</span> <span className="text-muted">{sentence(state)}</span>
        </p>
        <span className="flex gap-2">
          {state.step === 'sending' && <Button onClick={pause}>Pause</Button>}
          {state.step === 'paused' && <Button onClick={resume}>Go on</Button>}
          {state.step === 'done' && (
            <Link
              href={`/datasets/${state.datasetId}`}
              className="inline-flex h-8 items-center rounded-md bg-accent px-3 text-sm font-medium text-accent-ink"
            >
              Open dataset
            </Link>
          )}
          {(state.step === 'done' || state.step === 'failed') && <Button onClick={reset}>Upload another</Button>}
        </span>
      </div>
      {(state.step === 'sending' || state.step === 'paused') && (
        <Bar value={state.size === 0 ? 1 : state.sent / state.size} />
      )}
      {state.step === 'failed' && <Failure state={state} />}
    </div>
  );
}

function Failure({ state }: { state: Extract<UploadState, { step: 'failed' }> }) {
  return (
    <>
      <div role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-sm">
        <p className="text-bad">{state.problem.detail}</p>
        {state.problem.hint !== undefined && <p className="mt-0.5">{state.problem.hint}</p>}
      </div>
      {state.problem.errors !== undefined && state.problem.errors.length > 0 && (
        <FindingsTable findings={state.problem.errors} name={state.name} />
      )}
    </>
  );
}

function Bar({ value }: { value: number }) {
  return (
    <div
      role="progressbar"
      aria-label="Uploaded"
      aria-valuenow={Math.round(value * 100)}
      className="h-1.5 overflow-hidden rounded-full bg-sunken"
    >
      <div className="h-full rounded-full bg-accent transition-[width]" style={{ width: `${value * 100}%` }} />
    </div>
  );
}

function sentence(state: UploadState): string {
  switch (state.step) {
    case 'sending': {
      const seconds = (Date.now() - state.startedAt) / 1000;
      const rate = state.sent / Math.max(0.1, seconds);
      const left = rate > 0 ? `, ${formatSeconds((state.size - state.sent) / rate)} left` : '';
      return `${formatBytes(state.sent)} of ${formatBytes(state.size)} at ${formatBytes(rate)}/s${left}`;
    }
    case 'paused':
      return `paused at ${formatBytes(state.sent)} of ${formatBytes(state.size)}`;
    case 'checking':
      return 'is there; checking every record and storing …';
    case 'done':
      return 'is stored.';
    case 'failed':
      return 'was not stored.';
    default:
      return '';
  }
}

/** True while a file hovers over the window. */
function useFileDrop(onFile: (file: File) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const hover = (event: Event) => {
      event.preventDefault();
      setOver(true);
    };
    const leave = (event: Event) => {
      if ((event as unknown as DragEvent).relatedTarget === null) setOver(false);
    };
    const drop = (event: Event) => {
      event.preventDefault();
      setOver(false);
      const file = (event as unknown as DragEvent).dataTransfer.files[0];
      if (file !== undefined) onFile(file);
    };
    const listeners = { dragover: hover, dragleave: leave, drop } as const;
    for (const [name, listener] of Object.entries(listeners)) window.addEventListener(name, listener);
    return () => {
      for (const [name, listener] of Object.entries(listeners)) window.removeEventListener(name, listener);
    };
  }, [onFile]);
  return over;
}
