/** Small form controls: a number, a switch, a row of alternatives. */
import { useEffect, useId, useState } from 'react';

interface NumberProps {
  label: string;
  value: number | null;
  /** Shown where the value is null. */
  placeholder?: string;
  min?: number;
  max?: number;
  integer?: boolean;
  onCommit: (value: number | null) => void;
}

/** Commits on Enter or when left; an illegal text is marked and not committed. */
export function NumberField({
  label,
  value,
  placeholder,
  min = 0,
  max = Infinity,
  integer = true,
  onCommit,
}: NumberProps) {
  const id = useId();
  const given = value === null ? '' : String(value);
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  const parsed = text.trim() === '' && placeholder !== undefined ? null : Number(text);
  const legal =
    parsed === null ||
    (text.trim() !== '' &&
      Number.isFinite(parsed) &&
      parsed >= min &&
      parsed <= max &&
      (!integer || Number.isInteger(parsed)));
  const commit = (): void => {
    if (!legal) setText(given);
    else if (parsed !== value) onCommit(parsed);
  };
  return (
    <div className="number-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        inputMode={integer ? 'numeric' : 'decimal'}
        autoComplete="off"
        value={text}
        placeholder={placeholder}
        aria-invalid={!legal}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit();
          if (event.key === 'Escape') setText(given);
        }}
      />
    </div>
  );
}

interface TextFieldProps<T> {
  label: string;
  text: string;
  placeholder?: string;
  /** The value of a text, undefined where it is none. */
  parse: (text: string) => T | undefined;
  onCommit: (value: T) => void;
}

/** As NumberField, for anything that has a text form. */
export function TextField<T>({ label, text: given, placeholder, parse, onCommit }: TextFieldProps<T>) {
  const id = useId();
  const [text, setText] = useState(given);
  useEffect(() => setText(given), [given]);
  const parsed = parse(text);
  const commit = (): void => {
    if (parsed === undefined) setText(given);
    else if (text.trim() !== given) onCommit(parsed);
  };
  return (
    <div className="number-field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        autoComplete="off"
        value={text}
        placeholder={placeholder}
        aria-invalid={parsed === undefined}
        onChange={(event) => setText(event.currentTarget.value)}
        onBlur={commit}
        onKeyDown={(event) => {
          if (event.key === 'Enter') commit();
          if (event.key === 'Escape') setText(given);
        }}
      />
    </div>
  );
}

interface SwitchProps {
  label: string;
  help?: string;
  checked: boolean;
  disabled?: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, help, checked, disabled = false, onChange }: SwitchProps) {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        disabled={disabled}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>
        {label}
        {help !== undefined && <small>{help}</small>}
      </span>
    </label>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** A row of alternatives, one of them chosen (radio buttons underneath). */
export function Segments<T extends string>({ label, value, options, onChange }: SegmentsProps<T>) {
  const name = useId();
  return (
    <div className="segments" role="radiogroup" aria-label={label}>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </div>
  );
}
