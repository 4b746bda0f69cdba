import { Check, Clipboard } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Button, IconButton } from './button.tsx';

const SHOWN_MS = 1600;

/** Copies, and says so for a moment. */
function useCopied(): [boolean, (text: string) => void] {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  return [copied, (text) => void navigator.clipboard.writeText(text).then(() => setCopied(true))];
}

export function CopyButton({ text, label = 'Copy' }: { text: () => string; label?: string }) {
  const [copied, copy] = useCopied();
  const Icon = copied ? Check : Clipboard;
  return (
    <Button look="quiet" className="h-7 px-2" onClick={() => copy(text())}>
      <Icon className="size-3.5" aria-hidden /> <span aria-live="polite">{copied ? 'Copied' : label}</span>
    </Button>
  );
}

/** `what` completes "Copy the ...": `id`, `hash`. */
export function CopyIcon({ text, what }: { text: string; what: string }) {
  const [copied, copy] = useCopied();
  const Icon = copied ? Check : Clipboard;
  return (
    <IconButton label={copied ? 'Copied' : `Copy the ${what}`} className="size-6" onClick={() => copy(text)}>
      <Icon className="size-3.5" aria-hidden />
    </IconButton>
  );
}

/** Text to paste elsewhere: a policy, a command. */
export function CodeBlock({ title, code }: { title: string; code: string }) {
  return (
    <figure className="min-w-0 overflow-hidden rounded-md border border-line bg-sunken">
      <figcaption className="flex items-center justify-between gap-2 border-b border-line py-1 pr-1 pl-3 text-xs font-medium text-muted">
        {title}
        <CopyButton text={() => code} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard */}
      <pre tabIndex={0} className="max-h-72 overflow-auto px-3 py-2.5 font-mono text-xs">
        {code}
      </pre>
    </figure>
  );
}
