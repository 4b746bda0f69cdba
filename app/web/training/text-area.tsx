import { useId } from 'react';
import { Field } from '../shared/ui/field.tsx';

/** Several lines of text. */
export function TextArea({
  label,
  help,
  error,
  value,
  onValue,
  placeholder,
}: {
  label: string;
  help: string;
  error?: string;
  value: string;
  onValue: (value: string) => void;
  placeholder?: string;
}) {
  const id = useId();
  return (
    <Field id={id} label={label} help={help} error={error} optional>
      <textarea
        id={id}
        rows={3}
        value={value}
        placeholder={placeholder}
        spellCheck={false}
        aria-invalid={error !== undefined || undefined}
        aria-describedby={error === undefined ? `${id}-help` : `${id}-help ${id}-error`}
        onChange={(event) => onValue(event.target.value)}
        className="w-full min-w-0 rounded-md border border-line bg-ground px-2.5 py-2 font-mono text-sm placeholder:text-muted/80 hover:border-line-strong aria-invalid:border-bad"
      />
    </Field>
  );
}
