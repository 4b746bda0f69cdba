import clsx from 'clsx';
import { X } from 'lucide-react';
import { Dialog as Primitive } from 'radix-ui';
import { type ReactNode, useRef } from 'react';
import { IconButton } from './button.tsx';

export const OVERLAY = 'fixed inset-0 z-40 bg-black/45 backdrop-blur-[1px]';
export const CONTENT =
  'fixed top-1/2 left-1/2 z-50 flex max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] -translate-x-1/2 -translate-y-1/2 flex-col rounded-xl border border-line bg-surface shadow-2xl outline-none';

export interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: string;
  description?: ReactNode;
  wide?: boolean;
  /** Buttons, at the right of the foot. */
  footer?: ReactNode;
  children: ReactNode;
}

const FIELDS = 'input:not([type=hidden]), select, textarea';

/**
 * A window over the page: keeps the focus inside, closes by Escape, gives the focus back. Where there is something to fill
 * in, the first field has the focus.
 */
export function Dialog({ open, onOpenChange, title, description, wide = false, footer, children }: DialogProps) {
  const body = useRef<HTMLDivElement>(null);
  const focusField = (event: Event) => {
    const field = body.current?.querySelector<HTMLElement>(FIELDS);
    if (field === null || field === undefined) return;
    event.preventDefault();
    field.focus();
  };
  return (
    <Primitive.Root open={open} onOpenChange={onOpenChange}>
      <Primitive.Portal>
        <Primitive.Overlay className={OVERLAY} />
        <Primitive.Content
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          onOpenAutoFocus={focusField}
          className={clsx(CONTENT, wide ? 'max-w-3xl' : 'max-w-lg')}
        >
          <header className="flex items-start justify-between gap-4 px-5 pt-4 pb-3">
            <div className="min-w-0">
              <Primitive.Title className="font-semibold">{title}</Primitive.Title>
              {description !== undefined && (
                <Primitive.Description className="mt-1 text-sm text-muted">{description}</Primitive.Description>
              )}
            </div>
            <Primitive.Close asChild>
              <IconButton label="Close" className="-mt-1 -mr-2">
                <X className="size-4" aria-hidden />
              </IconButton>
            </Primitive.Close>
          </header>
          {/* Scrolls by keyboard too where nothing inside can be focused. */}
          <div ref={body} className="min-h-0 flex-1 overflow-y-auto px-5 pb-5">
            {children}
          </div>
          {footer !== undefined && (
            <footer className="flex flex-wrap justify-end gap-2 border-t border-line px-5 py-3">{footer}</footer>
          )}
        </Primitive.Content>
      </Primitive.Portal>
    </Primitive.Root>
  );
}
