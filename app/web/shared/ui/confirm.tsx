import { AlertDialog } from 'radix-ui';
import { type ReactNode, useState } from 'react';
import { Button, type Look } from './button.tsx';
import { CONTENT, OVERLAY } from './dialog.tsx';
import { TextInput } from './field.tsx';
import { ErrorState } from './states.tsx';

export interface ConfirmProps {
  /** The button that asks. */
  trigger: ReactNode;
  title: string;
  /** What will be, in plain words, one a line. The last says whether it can be taken back. */
  consequences: readonly ReactNode[];
  /** The verb and its object: `Delete dataset`. */
  action: string;
  /** While it is done: `Deleting …`. */
  busy?: string;
  look?: Look;
  /** To be typed before the button works, for what is lost for ever. */
  typed?: string;
  /** False while the fields among the children are not filled in. */
  ready?: boolean;
  /** Resolves when it is done; what it rejects with is shown, and the window stays. */
  onConfirm: () => Promise<unknown>;
  children?: ReactNode;
}

/** Asks before something that is not easily undone, and says what follows from it. */
export function Confirm(props: ConfirmProps) {
  const [open, setOpen] = useState(false);
  return (
    <AlertDialog.Root open={open} onOpenChange={setOpen}>
      <AlertDialog.Trigger asChild>{props.trigger}</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={OVERLAY} />
        <AlertDialog.Content className={`${CONTENT} max-w-md gap-3 overflow-y-auto p-5`}>
          <Question {...props} close={() => setOpen(false)} />
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

function Question({
  title,
  consequences,
  action,
  busy = 'Working …',
  look = 'danger',
  typed,
  ready = true,
  onConfirm,
  children,
  close,
}: ConfirmProps & { close: () => void }) {
  const [word, setWord] = useState('');
  const [state, setState] = useState<{ busy: boolean; error?: unknown }>({ busy: false });
  const confirm = async () => {
    setState({ busy: true });
    try {
      await onConfirm();
      close();
    } catch (error) {
      setState({ busy: false, error });
    }
  };
  return (
    <>
      <AlertDialog.Title className="font-semibold">{title}</AlertDialog.Title>
      <AlertDialog.Description asChild>
        <ul className="flex list-disc flex-col gap-1.5 pl-5 text-sm text-muted marker:text-line-strong">
          {consequences.map((line, index) => (
            <li key={index}>{line}</li>
          ))}
        </ul>
      </AlertDialog.Description>
      {children}
      {typed !== undefined && (
        <TextInput label={`Type ${typed} to go on`} value={word} onValue={setWord} autoComplete="off" />
      )}
      {state.error !== undefined && <ErrorState error={state.error} />}
      <div className="mt-1 flex flex-wrap justify-end gap-2">
        <AlertDialog.Cancel asChild>
          <Button>Cancel</Button>
        </AlertDialog.Cancel>
        <Button
          look={look}
          disabled={state.busy || !ready || (typed !== undefined && word.trim() !== typed)}
          onClick={() => void confirm()}
        >
          {state.busy ? busy : action}
        </Button>
      </div>
    </>
  );
}
