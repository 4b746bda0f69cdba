import { useState } from 'react';
import type { Dataset } from '../shared/api/types.ts';
import { formatBytes, formatCount, formatMoment } from '../shared/format.ts';
import { AnchorButton } from '../shared/ui/button.tsx';
import { CodeBlock } from '../shared/ui/copy.tsx';
import { Dialog } from '../shared/ui/dialog.tsx';
import { TextInput } from '../shared/ui/field.tsx';
import { ErrorState } from '../shared/ui/states.tsx';
import { providerName } from './copy-badges.tsx';
import { PassedOver, useDownloadLocation } from './download-location.tsx';

interface ExportProps {
  dataset: Dataset;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** The whole, a sample, or an address for another program. */
export function ExportDataset({ dataset, open, onOpenChange }: ExportProps) {
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Download" description={dataset.name}>
      <div className="flex flex-col gap-5">
        <div className="flex flex-wrap items-center justify-between gap-3">
          <div className="min-w-0 text-sm">
            <p className="font-medium">All {formatCount(dataset.total_examples)} records</p>
            <p className="text-muted">
              gzip of JSONL, {formatBytes(dataset.file_size_bytes)}; {formatBytes(dataset.content_size_bytes)} unpacked
            </p>
          </div>
          <AnchorButton look="primary" href={`/api/training/dataset/${dataset.id}/download`}>
            Download
          </AnchorButton>
        </div>
        <Sample dataset={dataset} />
        <Address dataset={dataset} />
      </div>
    </Dialog>
  );
}

function Sample({ dataset }: { dataset: Dataset }) {
  const [size, setSize] = useState('100');
  const wanted = Number(size);
  const valid = Number.isInteger(wanted) && wanted >= 1 && wanted <= 100_000;
  return (
    <div className="flex flex-wrap items-end justify-between gap-3 border-t border-line pt-4">
      <div className="w-40">
        <TextInput
          label="A sample of"
          inputMode="numeric"
          value={size}
          onValue={setSize}
          help="records, chosen by chance"
        />
      </div>
      <AnchorButton
        aria-disabled={!valid}
        className={valid ? 'mb-5' : 'pointer-events-none mb-5 opacity-50'}
        download={`${dataset.name}.sample-${size}.jsonl`}
        href={valid ? `/api/training/dataset/${dataset.id}/download?sample=${wanted}` : undefined}
      >
        Download sample
      </AnchorButton>
    </div>
  );
}

/** The address itself, for whoever has no key. */
function Address({ dataset }: { dataset: Dataset }) {
  const location = useDownloadLocation(dataset);
  return (
    <div className="flex flex-col gap-2 border-t border-line pt-4 text-sm">
      <p className="font-medium">For another program</p>
      {location.isError && <ErrorState error={location.error} />}
      {location.isSuccess && (
        <>
          <CodeBlock title="Fetch it without a key" code={`curl -o '${dataset.id}.jsonl.gz' '${location.data.url}'`} />
          <p className="text-xs text-muted">
            Whoever has this address can read the dataset until {formatMoment(location.data.expires_at)}. It is served
            by {providerName(location.data.provider)}.
          </p>
          <PassedOver copy={location.data} />
        </>
      )}
    </div>
  );
}
