/** A slider: native, so that touch and assistive technology work as they do everywhere; keys move by our own steps. */
import { useEffect, useRef, type CSSProperties, type KeyboardEvent } from 'react';

interface Props {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  /** Steps that Page Up and Page Down move by. */
  page: number;
  valueText: string;
  /** While it moves. */
  onDrag: (value: number) => void;
  /** On release: the pointer is lifted, or a key was let go for a moment. */
  onCommit: () => void;
  disabled?: boolean;
}

const KEY_PAUSE_MS = 320;

export function Range({
  label,
  value,
  min,
  max,
  step,
  page,
  valueText,
  onDrag,
  onCommit,
  disabled = false,
}: Props) {
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const commit = useRef(onCommit);

  useEffect(() => {
    commit.current = onCommit;
  });

  useEffect(() => {
    // The native "change" fires once, on release; React's onChange is the native "input".
    const element = input.current;
    const released = (): void => commit.current();
    element?.addEventListener('change', released);
    return () => {
      element?.removeEventListener('change', released);
      if (timer.current !== null) clearTimeout(timer.current);
    };
  }, []);

  const snap = (raw: number): number => {
    const steps = Math.round(raw / step);
    return Math.min(max, Math.max(min, Number((steps * step).toPrecision(12))));
  };

  const onKeyDown = (event: KeyboardEvent): void => {
    const moves: Record<string, number> = {
      ArrowRight: value + step,
      ArrowUp: value + step,
      ArrowLeft: value - step,
      ArrowDown: value - step,
      PageUp: value + page * step,
      PageDown: value - page * step,
      Home: min,
      End: max,
    };
    const move = moves[event.key];
    if (move === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
    onDrag(event.key === 'End' ? max : event.key === 'Home' ? min : snap(move));
  };

  const onKeyUp = (event: KeyboardEvent): void => {
    if (!/^(Arrow|Page|Home|End)/.test(event.key)) return;
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = setTimeout(() => commit.current(), KEY_PAUSE_MS);
  };

  const span = max - min;
  const at = span > 0 ? (value - min) / span : 0;
  const zero = span > 0 ? Math.min(1, Math.max(0, -min / span)) : 0;
  const edge = (t: number): string =>
    t === 0 ? '0px' : `calc(var(--thumb) / 2 + ${t} * (100% - var(--thumb)))`;
  const style = { '--from': edge(Math.min(at, zero)), '--to': edge(Math.max(at, zero)) } as CSSProperties;
  return (
    <input
      ref={input}
      type="range"
      className="range"
      aria-label={label}
      aria-valuemin={min}
      aria-valuemax={max}
      aria-valuenow={value}
      aria-valuetext={valueText}
      min={min}
      max={max}
      step="any"
      value={value}
      disabled={disabled}
      style={style}
      onChange={(event) => onDrag(snap(Number(event.currentTarget.value)))}
      onKeyDown={onKeyDown}
      onKeyUp={onKeyUp}
    />
  );
}
