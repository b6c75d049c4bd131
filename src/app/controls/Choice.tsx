/**
 * A listbox button (the "select-only combobox" of the ARIA practices): focus stays on the button, the arrows move
 * through the options, letters jump, Escape leaves everything as it was.
 */
import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { Icon } from '../icons';

export interface ChoiceOption {
  value: string;
  label: string;
  help?: string;
  /** Opens something instead of being chosen; set off by a line. */
  action?: boolean;
  disabled?: boolean;
}

interface Props {
  /** The accessible name. */
  label: string;
  /** What it decides, after the label. */
  decides?: string;
  value: string;
  options: readonly ChoiceOption[];
  onChange: (value: string) => void;
  disabled?: boolean;
}

export function Choice({ label, decides, value, options, onChange, disabled = false }: Props) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(0);
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const typed = useRef({ text: '', at: 0 });
  const selected = options.findIndex((option) => option.value === value);
  const shown = options[selected];

  useLayoutEffect(() => {
    if (open && button.current && list.current) place(button.current, list.current);
  }, [open]);

  useEffect(() => {
    if (!open) return;
    document.getElementById(`${id}-${active}`)?.scrollIntoView({ block: 'nearest' });
  }, [open, active, id]);

  useEffect(() => {
    if (!open) return;
    const close = (event: Event): void => {
      if (!(event.target instanceof Node && list.current?.contains(event.target))) setOpen(false);
    };
    window.addEventListener('scroll', close, true);
    window.addEventListener('resize', close);
    return () => {
      window.removeEventListener('scroll', close, true);
      window.removeEventListener('resize', close);
    };
  }, [open]);

  const show = (): void => {
    setActive(Math.max(0, selected));
    setOpen(true);
  };
  const choose = (index: number): void => {
    const option = options[index];
    if (!option || option.disabled) return;
    setOpen(false);
    if (option.action || option.value !== value) onChange(option.value);
  };
  const jump = (letter: string): void => {
    const now = Date.now();
    typed.current = {
      text: (now - typed.current.at > 700 ? '' : typed.current.text) + letter.toLowerCase(),
      at: now,
    };
    const found = options.findIndex((option) => option.label.toLowerCase().startsWith(typed.current.text));
    if (found >= 0) setActive(found);
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const { key } = event;
    if (!open) {
      if (['ArrowDown', 'ArrowUp', 'Enter', ' ', 'Home', 'End'].includes(key)) {
        event.preventDefault();
        show();
      }
      return;
    }
    const last = options.length - 1;
    const moves: Record<string, number> = { ArrowDown: Math.min(last, active + 1), ArrowUp: Math.max(0, active - 1), Home: 0, End: last }; // prettier-ignore
    const move = moves[key];
    if (move !== undefined) {
      event.preventDefault();
      setActive(move);
    } else if (key === 'Enter' || key === ' ') {
      event.preventDefault();
      choose(active);
    } else if (key === 'Escape') {
      event.preventDefault();
      setOpen(false);
    } else if (key === 'Tab') {
      setOpen(false);
    } else if (key.length === 1 && !event.ctrlKey && !event.metaKey) {
      jump(key);
    }
  };

  return (
    <div className="field">
      <div className="field-label">
        <span id={`${id}-label`}>{label}</span>
        {decides !== undefined && <span className="decides"> {decides}</span>}
      </div>
      <button
        ref={button}
        type="button"
        role="combobox"
        className="choice"
        aria-labelledby={`${id}-label`}
        aria-haspopup="listbox"
        aria-expanded={open}
        aria-controls={open ? `${id}-list` : undefined}
        aria-activedescendant={open ? `${id}-${active}` : undefined}
        disabled={disabled}
        onClick={() => (open ? setOpen(false) : show())}
        onKeyDown={onKeyDown}
        onBlur={() => setOpen(false)}
      >
        <span className="choice-value">{shown?.label ?? value}</span>
        <Icon name="chevron" />
      </button>
      {open && (
        <div
          ref={list}
          id={`${id}-list`}
          className="choice-list"
          role="listbox"
          aria-labelledby={`${id}-label`}
          popover="manual"
        >
          {options.map((option, index) => (
            <div
              key={option.value}
              id={`${id}-${index}`}
              role="option"
              className={`choice-option${index === active ? ' is-active' : ''}${option.action ? ' is-action' : ''}`}
              aria-selected={index === selected}
              aria-disabled={option.disabled}
              onPointerMove={() => setActive(index)}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(index)}
            >
              <span className="choice-tick">{index === selected && <Icon name="check" />}</span>
              <span>
                {option.label}
                {option.help !== undefined && <small>{option.help}</small>}
              </span>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}

/** Puts the list under the button, or above it where there is more room. */
function place(button: HTMLElement, list: HTMLElement): void {
  list.showPopover();
  const box = button.getBoundingClientRect();
  const below = window.innerHeight - box.bottom - 12;
  const above = box.top - 12;
  const upward = below < Math.min(list.scrollHeight, 240) && above > below;
  const width = Math.min(Math.max(box.width, 260), window.innerWidth - 16);
  list.style.width = `${width}px`;
  list.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - width - 8))}px`;
  list.style.maxHeight = `${Math.max(120, upward ? above : below)}px`;
  if (upward) list.style.bottom = `${window.innerHeight - box.top + 4}px`;
  else list.style.top = `${box.bottom + 4}px`;
}
