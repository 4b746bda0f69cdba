import { Search } from 'lucide-react';
import type { Ref } from 'react';

export function SearchBox({
  label,
  placeholder,
  value,
  onValue,
  inputRef,
}: {
  label: string;
  placeholder?: string;
  value: string;
  onValue: (value: string) => void;
  inputRef?: Ref<HTMLInputElement>;
}) {
  return (
    <div className="flex h-8 min-w-40 flex-1 items-center gap-2 rounded-md border border-line bg-surface px-2.5 shadow-xs focus-within:border-accent hover:border-line-strong sm:max-w-72">
      <Search className="size-4 shrink-0 text-muted" aria-hidden />
      <input
        ref={inputRef}
        type="search"
        aria-label={label}
        placeholder={placeholder ?? label}
        value={value}
        onChange={(event) => onValue(event.target.value)}
        className="w-full min-w-0 bg-transparent text-sm outline-none placeholder:text-muted"
      />
    </div>
  );
}
