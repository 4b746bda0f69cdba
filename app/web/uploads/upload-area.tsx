import { UploadCloud } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Button } from '../shared/ui/button.tsx';
import { FilterSelect } from '../shared/ui/field.tsx';
import { useUrlState } from '../shared/url-state.ts';
import { FORMAT_OPTIONS, knownFormat, optionOf } from './format-choice.ts';
import type { UploadManager } from './upload-manager.ts';
import { useUploads } from './upload-provider.tsx';
import { UploadRow } from './upload-row.tsx';

/** Where files come in, and how far each is. */
export function UploadArea() {
  const { manager, items } = useUploads();
  const input = useRef<HTMLInputElement>(null);
  const [asked, setAsked] = useUrlState('upload');
  useEffect(() => {
    if (asked === '') return;
    setAsked('');
    input.current?.click();
  }, [asked, setAsked]);
  const choose = () => input.current?.click();
  return (
    <section aria-label="Upload" className="rounded-lg border border-line bg-surface">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3">
        <UploadCloud className="size-5 text-muted max-sm:hidden" aria-hidden />
        <p className="min-w-48 flex-1 text-sm text-muted">
          Drop files anywhere. JSONL, JSON, CSV, text or Parquet, plain or compressed; checked here before they are
          sent.
        </p>
        <FormatSelect manager={manager} />
        <Button look="primary" onClick={choose}>
          Choose files
        </Button>
        <input
          ref={input}
          type="file"
          multiple
          aria-label="Dataset files"
          className="sr-only"
          tabIndex={-1}
          onChange={(event) => {
            manager.add([...(event.target.files ?? [])]);
            event.target.value = '';
          }}
        />
      </div>
      {items.length > 0 && (
        <ul aria-label="Uploads" className="divide-y divide-line border-t border-line">
          {items.map((item) => (
            <UploadRow key={item.id} item={item} manager={manager} choose={choose} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** How the next files are to be read. */
function FormatSelect({ manager }: { manager: UploadManager }) {
  const [format, setFormat] = useState(manager.format);
  const choose = (value: string) => {
    manager.setFormat(knownFormat(value));
    setFormat(manager.format);
  };
  return <FilterSelect label="Read files as" value={optionOf(format)} options={FORMAT_OPTIONS} onValue={choose} />;
}
