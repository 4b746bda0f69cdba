import { Button } from '../shared/ui/button.tsx';
import { CopyIcon } from '../shared/ui/copy.tsx';
import { Note } from '../shared/ui/states.tsx';

/** A fresh key. Nobody can show it again, and this says so. */
export function KeyShownOnce({ value, onDone }: { value: string; onDone: () => void }) {
  return (
    <div className="flex flex-col gap-4">
      <Note tone="warn">Copy it now: it is shown this once. Only its hash is kept.</Note>
      <div className="flex items-center gap-2 rounded-md border border-line bg-sunken py-2 pr-2 pl-3">
        <code data-testid="new-key" className="min-w-0 flex-1 text-sm break-all">
          {value}
        </code>
        <CopyIcon text={value} what="key" />
      </div>
      <div className="flex justify-end">
        <Button look="primary" onClick={onDone}>
          Done
        </Button>
      </div>
    </div>
  );
}
