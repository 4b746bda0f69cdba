import clsx from 'clsx';
import { Eye, EyeOff } from 'lucide-react';
import { type InputHTMLAttributes, type ReactNode, type SelectHTMLAttributes, useId, useState } from 'react';

const CONTROL =
  'h-9 w-full min-w-0 rounded-md border border-line bg-ground px-2.5 text-sm placeholder:text-muted/80 hover:border-line-strong disabled:opacity-60 aria-invalid:border-bad';

interface FieldWords {
  label: string;
  /** How to find or write it. */
  help?: ReactNode;
  /** What is wrong with it now. */
  error?: string;
  optional?: boolean;
}

interface FieldProps extends FieldWords {
  id: string;
  children: ReactNode;
}

/** A named control with its help and its fault, bound for screen readers. */
export function Field({ id, label, help, error, optional = false, children }: FieldProps) {
  return (
    <div className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id} className="flex items-baseline gap-2 text-sm font-medium">
        {label}
        {optional && <span className="text-xs font-normal text-muted">optional</span>}
      </label>
      {children}
      {help !== undefined && (
        <p id={`${id}-help`} className="text-xs text-muted">
          {help}
        </p>
      )}
      {error !== undefined && (
        <p id={`${id}-error`} role="alert" className="text-xs text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

function describedBy(id: string, { help, error }: FieldWords): string | undefined {
  const ids = [help === undefined ? '' : `${id}-help`, error === undefined ? '' : `${id}-error`].filter(Boolean);
  return ids.length === 0 ? undefined : ids.join(' ');
}

type TextProps = FieldWords &
  Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange'> & {
    value: string;
    onValue: (value: string) => void;
    mono?: boolean;
  };

export function TextInput({ label, help, error, optional, onValue, mono = false, className, ...props }: TextProps) {
  const id = useId();
  const words = { label, help, error, optional };
  return (
    <Field id={id} {...words}>
      <input
        id={id}
        aria-describedby={describedBy(id, words)}
        aria-invalid={error !== undefined || undefined}
        spellCheck={false}
        onChange={(event) => onValue(event.target.value)}
        className={clsx(CONTROL, mono && 'font-mono', className)}
        {...props}
      />
    </Field>
  );
}

/** For keys: dots until one asks to see them, and never remembered by the browser. */
export function SecretInput({ label, help, error, optional, onValue, ...props }: TextProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const words = { label, help, error, optional };
  const Icon = shown ? EyeOff : Eye;
  return (
    <Field id={id} {...words}>
      <span className="relative block">
        <input
          id={id}
          type={shown ? 'text' : 'password'}
          aria-describedby={describedBy(id, words)}
          aria-invalid={error !== undefined || undefined}
          autoComplete="new-password"
          data-1p-ignore
          spellCheck={false}
          onChange={(event) => onValue(event.target.value)}
          className={clsx(CONTROL, 'pr-9 font-mono')}
          {...props}
        />
        <button
          type="button"
          aria-label={shown ? `Hide ${label}` : `Show ${label}`}
          aria-pressed={shown}
          onClick={() => setShown(!shown)}
          className="absolute top-0 right-0 flex size-9 cursor-pointer items-center justify-center rounded-md text-muted hover:text-ink"
        >
          <Icon className="size-4" aria-hidden />
        </button>
      </span>
    </Field>
  );
}

export interface Option {
  value: string;
  label: string;
}

export function Select({
  label,
  help,
  error,
  optional,
  options,
  onValue,
  ...props
}: FieldWords &
  Omit<SelectHTMLAttributes<HTMLSelectElement>, 'onChange'> & {
    value: string;
    options: readonly Option[];
    onValue: (value: string) => void;
  }) {
  const id = useId();
  const words = { label, help, error, optional };
  return (
    <Field id={id} {...words}>
      <select
        id={id}
        aria-describedby={describedBy(id, words)}
        onChange={(event) => onValue(event.target.value)}
        className={clsx(CONTROL, 'cursor-pointer')}
        {...props}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Field>
  );
}

/** A choice in a row of filters: its name is read out, its value says enough to the eye. */
export function FilterSelect({
  label,
  value,
  options,
  onValue,
}: {
  label: string;
  value: string;
  options: readonly Option[];
  onValue: (value: string) => void;
}) {
  return (
    <select
      aria-label={label}
      value={value}
      onChange={(event) => onValue(event.target.value)}
      className={clsx(
        'h-8 min-w-0 cursor-pointer rounded-md border border-line bg-surface px-2 text-sm shadow-xs hover:border-line-strong',
        value === '' ? 'text-muted' : 'border-accent/50 text-ink',
      )}
    >
      {options.map((option) => (
        <option key={option.value} value={option.value}>
          {option.label}
        </option>
      ))}
    </select>
  );
}

export function Checkbox({
  label,
  help,
  checked,
  onChecked,
}: {
  label: string;
  help?: ReactNode;
  checked: boolean;
  onChecked: (checked: boolean) => void;
}) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input
        id={id}
        type="checkbox"
        checked={checked}
        aria-describedby={help === undefined ? undefined : `${id}-help`}
        onChange={(event) => onChecked(event.target.checked)}
        className="mt-0.5 size-4 cursor-pointer accent-(--accent)"
      />
      <div className="min-w-0 text-sm">
        <label htmlFor={id} className="cursor-pointer font-medium">
          {label}
        </label>
        {help !== undefined && (
          <p id={`${id}-help`} className="text-xs text-muted">
            {help}
          </p>
        )}
      </div>
    </div>
  );
}
