import { useRef, useState, type KeyboardEvent } from 'react';
import { useRun } from '../hooks/useLab';
import { useRem, useSize } from '../hooks/useSize';
import { openLayer } from '../stores/uiStore';
import { plotBox } from './plotBox';

/** Narrower targets cannot be hit by a finger; the list of layers in the details of the run remains. */
const LEAST_WIDTH = 24;

/** Buttons over the numbers of a chart's layer axis: one tab stop, the arrows go from layer to layer, Enter looks into it. */
export function LayerKeys({ layers }: { layers: number }) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const loaded = useRun(({ model }) => model !== null);
  const [active, setActive] = useState(0);
  const row = useRef<HTMLDivElement>(null);
  const box = plotBox(useRem());
  const inner = width - box.left - box.right;
  const reachable = Math.min(active, layers - 1);

  const onKeyDown = (event: KeyboardEvent): void => {
    const moves: Record<string, number> = { ArrowRight: reachable + 1, ArrowLeft: reachable - 1, Home: 0, End: layers - 1 }; // prettier-ignore
    const move = moves[event.key];
    if (move === undefined || move < 0 || move >= layers) return;
    event.preventDefault();
    setActive(move);
    row.current?.querySelectorAll('button')[move]?.focus();
  };

  return (
    <div ref={ref} className="layer-keys" style={{ height: box.bottom }}>
      {loaded && inner / layers >= LEAST_WIDTH && (
        <div
          ref={row}
          role="toolbar"
          aria-label="Look into a layer"
          style={{ marginLeft: box.left, marginRight: box.right }}
          onKeyDown={onKeyDown}
        >
          {Array.from({ length: layers }, (_, i) => (
            <button
              key={i}
              type="button"
              aria-label={`Look into layer ${i + 1}`}
              tabIndex={i === reachable ? 0 : -1}
              onFocus={() => setActive(i)}
              onClick={() => openLayer(i)}
            />
          ))}
        </div>
      )}
    </div>
  );
}
