/**
 * The points of rates by hand, over the sparsity strip: a pointer draws across them; by keyboard each is a slider, Left
 * and Right go to its neighbours.
 */
import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { percent } from '../format';
import { useLab } from '../hooks/useLab';
import { useRem, useSize } from '../hooks/useSize';
import { stroke } from '../stores/byHand';
import { specStore } from '../stores/specStore';
import { plotBox } from './plotBox';

/** Percent points of a key, of Page Up and Page Down, and of the pointer. */
const STEP = 0.01;
const PAGE = 10;
const KEY_PAUSE_MS = 320;

interface Point {
  layer: number;
  rate: number;
}

export default function HandPoints({ rates }: { rates: readonly number[] }) {
  const lab = useLab();
  const [ref, { width, height }] = useSize<HTMLDivElement>();
  const box = plotBox(useRem());
  const [active, setActive] = useState(0);
  const [held, setHeld] = useState(false);
  const last = useRef<Point | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => () => clearTimeout(timer.current ?? undefined), []);
  const layers = rates.length;
  const inner = Math.max(0, width - box.left - box.right);
  const bottom = height - box.bottom;
  const snap = (rate: number): number => Math.min(1, Math.max(0, Math.round(rate / STEP) * STEP));

  const draw = (from: Point, to: Point): void => {
    const { layerSparsity } = specStore.getState().spec;
    if (Array.isArray(layerSparsity)) lab.drag({ layerSparsity: stroke(layerSparsity, from, to) });
  };
  const pointAt = (event: PointerEvent<HTMLDivElement>): Point => {
    const area = event.currentTarget.getBoundingClientRect();
    const layer = Math.floor(((event.clientX - area.left - box.left) / inner) * layers);
    const rate = (bottom - (event.clientY - area.top)) / (bottom - box.top);
    return { layer: Math.min(layers - 1, Math.max(0, layer)), rate: snap(rate) };
  };
  const move = (event: PointerEvent<HTMLDivElement>): void => {
    // Not the state: moves may come before it has been rendered.
    if (!last.current) return;
    const to = pointAt(event);
    draw(last.current, to);
    last.current = to;
  };
  const release = (event: PointerEvent<HTMLDivElement>): void => {
    if (!last.current) return;
    // A quick hand lets go where no move was reported any more.
    if (event.type === 'pointerup') move(event);
    setHeld(false);
    last.current = null;
    lab.commit();
  };

  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>): void => {
    const { key } = event;
    if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const next = Math.min(layers - 1, Math.max(0, active + (key === 'ArrowRight' ? 1 : -1)));
      event.preventDefault();
      setActive(next);
      ref.current?.querySelectorAll<HTMLElement>('[role="slider"]')[next]?.focus();
      return;
    }
    const rate = rates[active] ?? 0;
    const moves: Record<string, number> = { ArrowUp: rate + STEP, ArrowDown: rate - STEP, PageUp: rate + PAGE * STEP, PageDown: rate - PAGE * STEP, Home: 0, End: 1 }; // prettier-ignore
    const to = moves[key];
    if (to === undefined) return;
    event.preventDefault();
    const point = { layer: active, rate: snap(to) };
    draw(point, point);
    clearTimeout(timer.current ?? undefined);
    timer.current = setTimeout(() => lab.commit(), KEY_PAUSE_MS);
  };

  return (
    <div
      ref={ref}
      className={held ? 'hand-points is-held' : 'hand-points'}
      role="group"
      aria-label="Rates by hand"
      onKeyDown={onKeyDown}
      onPointerDown={(event) => {
        event.preventDefault();
        event.currentTarget.setPointerCapture(event.pointerId);
        const at = pointAt(event);
        last.current = at;
        setHeld(true);
        draw(at, at);
      }}
      onPointerMove={move}
      onPointerUp={release}
      onPointerCancel={release}
    >
      {width > 0 &&
        rates.map((rate, i) => (
          <div
            key={i}
            role="slider"
            className="hand-point"
            aria-label={`Layer ${i + 1}`}
            aria-orientation="vertical"
            aria-valuemin={0}
            aria-valuemax={1}
            aria-valuenow={rate}
            aria-valuetext={percent(rate, 1)}
            tabIndex={i === Math.min(active, layers - 1) ? 0 : -1}
            style={{
              left: box.left + ((i + 0.5) / layers) * inner,
              top: bottom - rate * (bottom - box.top),
            }}
            onFocus={() => setActive(i)}
          />
        ))}
    </div>
  );
}
