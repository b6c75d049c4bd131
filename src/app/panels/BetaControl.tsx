import type { CSSProperties } from 'react';
import { Range } from '../controls/Range';
import { Switch } from '../controls/fields';
import { beta as formatBeta, layerRange } from '../format';
import { useLab, useSpec, useUi } from '../hooks/useLab';
import { useBetaRange, useCurve, useLayers, useRates } from '../hooks/useResults';
import { patternRate } from '../stores/legal';
import { uiStore } from '../stores/uiStore';

/** The hero: how much the allocation tilts. */
export function BetaControl() {
  const lab = useLab();
  const { beta, limit, min } = useBetaRange();
  const rates = useRates();
  const { best } = useCurve();
  const reason = useDisabledReason();
  const spanned = limit - min;
  const at = (value: number): CSSProperties =>
    ({ '--at': spanned > 0 ? Math.min(1, Math.max(0, (value - min) / spanned)) : 0 }) as CSSProperties;

  return (
    <div className="beta">
      <p className="hero" aria-hidden="true">
        <span className="hero-name">β</span>
        <span className="hero-value">{formatBeta(beta, limit)}</span>
        <small>{layerRange(rates)}</small>
      </p>
      <Range
        label="Beta"
        value={beta}
        min={min}
        max={limit}
        step={limit > 0 ? limit / 200 : 1}
        page={10}
        valueText={`${formatBeta(beta, limit, true)}, ${layerRange(rates)}`}
        onDrag={(value) => lab.drag({ beta: value })}
        onCommit={() => lab.commit()}
        disabled={limit === 0}
      />
      <div className="beta-ticks">
        {reason !== null ? (
          <span className="beta-reason">{reason}</span>
        ) : (
          <>
            <span>{min < 0 ? formatBeta(min, limit, true) : '0 uniform'}</span>
            {min < 0 && <span className="beta-mark" style={at(0)} />}
            {best !== null && (
              <button
                type="button"
                className="beta-best"
                style={at(best)}
                onClick={() => lab.commit({ beta: best })}
              >
                best {formatBeta(best, limit, true)}
              </button>
            )}
            <span>{formatBeta(limit, limit, true)} limit</span>
          </>
        )}
      </div>
      <NegativeSwitch />
    </div>
  );
}

/** Why beta decides nothing at present; null where it does. */
function useDisabledReason(): string | null {
  const spec = useSpec((state) => state.spec);
  const layers = useLayers();
  const { limit } = useBetaRange();
  if (limit > 0) return null;
  if (layers < 2) return 'One layer: there is nothing to tilt.';
  const rate = patternRate(spec.pattern);
  if (rate !== null) return `The pattern ${spec.pattern} fixes every layer.`;
  if (spec.allocation !== 'atp') return 'This allocation has no beta.';
  return `At sparsity ${spec.sparsity} there is nothing to move.`;
}

function NegativeSwitch() {
  const lab = useLab();
  const { beta, limit } = useBetaRange();
  const chosen = useUi((state) => state.negative);
  const change = (negative: boolean): void => {
    uiStore.setState({ negative });
    if (!negative && beta < 0) lab.commit({ beta: 0 });
  };
  return (
    <Switch
      label="Negative control (the wrong tilt)"
      checked={chosen || beta < 0}
      disabled={limit === 0}
      onChange={change}
    />
  );
}
