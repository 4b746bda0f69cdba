import { Pause, Play, X } from 'lucide-react';
import { FindingsTable } from '../datasets/findings-table.tsx';
import { formatBytes, formatCount, formatSeconds } from '../shared/format.ts';
import { Button, IconButton, LinkButton } from '../shared/ui/button.tsx';
import { Meter } from '../shared/ui/meter.tsx';
import type { FileCheck } from './check/check-file.ts';
import type { UploadItem } from './upload-item.ts';
import type { UploadManager } from './upload-manager.ts';

interface RowProps {
  item: UploadItem;
  manager: UploadManager;
  /** Opens the choice of files. */
  choose: () => void;
}

/** One file from its check to its dataset or its errors. */
export function UploadRow({ item, manager, choose }: RowProps) {
  return (
    <li className="flex min-w-0 flex-col gap-2 px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-60 text-sm">
          <p className="truncate font-medium" title={item.name}>
            {item.name}
          </p>
          <p role="status" className="tabular text-muted">
            {sentenceOf(item)}
          </p>
        </div>
        <Actions item={item} manager={manager} choose={choose} />
      </div>
      <Progress item={item} />
      {item.check !== undefined && item.check.verdict !== 'unknown' && item.state.step !== 'refused' && (
        <p className="tabular text-xs text-muted">{verdictOf(item.check)}</p>
      )}
      <Faults item={item} />
    </li>
  );
}

function Actions({ item, manager, choose }: RowProps) {
  const { step } = item.state;
  const canGoOn = step === 'failed' && item.state.problem.code === 'connection_lost';
  return (
    <span className="flex items-center gap-1.5">
      {step === 'sending' && (
        <IconButton label={`Pause ${item.name}`} onClick={() => manager.pause(item.id)}>
          <Pause className="size-4" aria-hidden />
        </IconButton>
      )}
      {(step === 'paused' || canGoOn) && (
        <Button onClick={() => manager.resume(item.id)}>
          <Play className="size-3.5" aria-hidden /> Go on
        </Button>
      )}
      {step === 'interrupted' && (
        <Button look="primary" onClick={choose}>
          Choose the same file
        </Button>
      )}
      {step === 'refused' && (
        <Button look="quiet" onClick={() => manager.sendAnyway(item.id)} title="The server judges by the same rules">
          Send it all the same
        </Button>
      )}
      {step === 'done' && (
        <LinkButton look="primary" href={`/datasets/${item.state.datasetId}`}>
          Open
        </LinkButton>
      )}
      {step !== 'storing' && (
        <IconButton label={`${labelOfRemove(step)} ${item.name}`} onClick={() => void manager.remove(item.id)}>
          <X className="size-4" aria-hidden />
        </IconButton>
      )}
    </span>
  );
}

function labelOfRemove(step: UploadItem['state']['step']): string {
  return step === 'done' || step === 'refused' || step === 'failed' ? 'Dismiss' : 'Give up';
}

function Progress({ item: { state, size } }: { item: UploadItem }) {
  switch (state.step) {
    case 'checking':
      return <Meter label="Checked" value={size === 0 ? 1 : Math.min(0.99, state.bytes / size)} />;
    case 'sending':
    case 'paused':
      return <Meter label="Uploaded" value={size === 0 ? 1 : state.sent / size} />;
    case 'interrupted':
      return state.sent === undefined ? null : <Meter label="Uploaded" value={size === 0 ? 0 : state.sent / size} />;
    case 'storing':
      return <Meter label="Being stored" value={undefined} />;
    default:
      return null;
  }
}

function Faults({ item: { state, check, name } }: { item: UploadItem }) {
  if (state.step === 'refused' && check !== undefined) {
    return <FindingsTable findings={check.findings} total={check.errors + check.warnings} name={name} />;
  }
  if (state.step !== 'failed') return null;
  const { detail, hint, errors = [], errors_total } = state.problem;
  return (
    <>
      <div role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-sm">
        <p className="text-bad">{detail}</p>
        {hint !== undefined && <p className="mt-0.5">{hint}</p>}
      </div>
      {errors.length > 0 && <FindingsTable findings={errors} total={errors_total} name={name} />}
    </>
  );
}

function verdictOf({ kind, formats, records, estimatedTokens, warnings, whole }: FileCheck): string {
  const from = formats[0]?.format;
  const shape = from === undefined || from === kind ? `${kind}` : `${kind}, from ${from}`;
  const parts = [
    `Checked here: ${whole ? '' : 'the first '}${formatCount(records)} records of ${shape}`,
    estimatedTokens === null ? '' : `about ${formatCount(estimatedTokens)} tokens`,
    warnings === 0 ? 'no errors' : `no errors, ${formatCount(warnings)} ${warnings === 1 ? 'warning' : 'warnings'}`,
  ];
  return `${parts.filter((part) => part !== '').join('; ')}.`;
}

function sentenceOf({ state, size, check }: UploadItem): string {
  switch (state.step) {
    case 'waiting':
      return `${formatBytes(size)}, waits for the one before`;
    case 'checking':
      return `Checking before anything is sent: ${formatCount(state.records)} records so far`;
    case 'refused':
      return refusal(check);
    case 'sending':
      return sending(state.sent, size, state.bytesPerSecond);
    case 'paused':
      return `Paused at ${formatBytes(state.sent)} of ${formatBytes(size)}`;
    case 'interrupted':
      return `Interrupted${state.sent === undefined ? '' : `: ${formatBytes(state.sent)} of ${formatBytes(size)} are there`}. A page may not reopen your file by itself: choose it again, and it goes on where it stopped.`;
    case 'storing':
      return 'All of it is there; every record is checked and stored.';
    case 'done':
      return 'Stored.';
    case 'failed':
      return 'Not stored.';
  }
}

function refusal(check: FileCheck | undefined): string {
  const errors = check?.errors ?? 0;
  return `Nothing was sent: ${formatCount(errors)} ${errors === 1 ? 'error' : 'errors'}${check?.whole === false ? ' so far' : ''}. Mend the file and drop it again.`;
}

function sending(sent: number, size: number, bytesPerSecond: number): string {
  const amount = `${formatBytes(sent)} of ${formatBytes(size)}`;
  if (bytesPerSecond <= 0) return amount;
  return `${amount}, ${formatBytes(bytesPerSecond)}/s, ${formatSeconds((size - sent) / bytesPerSecond)} left`;
}
