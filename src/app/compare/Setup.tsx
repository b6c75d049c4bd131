import { useStore } from 'zustand';
import { MAX_SEEDS } from '../../core/spec';
import { Segments, TextField } from '../controls/fields';
import { rate } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { patternRate } from '../stores/legal';
import { change, compareStore, entryCount, specOf, start } from './comparer';
import { OwnEntries } from './OwnEntries';
import { inOrder, LISTED } from './methodEntries';

const MAX_SPARSITIES = 20;
const WAYS = [
  { value: 'pairs', label: 'Every pair' },
  { value: 'axes', label: 'One axis each' },
] as const;

/** What is compared. */
export function Setup() {
  const lab = useLab();
  const draft = useStore(compareStore, (state) => state.draft);
  const job = useStore(compareStore, (state) => state.job);
  const spec = useSpec((state) => state.spec);
  const pruners = useRun((state) => state.boot?.pruners) ?? [];
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  const wanted = specOf(draft, spec);
  const count = entryCount(wanted);
  const fixed = patternRate(spec.pattern);
  return (
    <form
      className="compare-setup"
      onSubmit={(event) => {
        event.preventDefault();
        void start(lab, wanted);
      }}
    >
      <Checks
        legend="Pruners"
        options={pruners}
        chosen={draft.pruners}
        disabled={job !== null}
        onChange={(list) => change({ pruners: list })}
      />
      <Checks
        legend="Allocations"
        options={LISTED}
        chosen={draft.allocations}
        disabled={job !== null}
        onChange={(list) => change({ allocations: list })}
      />
      <div className="compare-numbers">
        <TextField
          label={fixed === null ? 'Sparsities' : `Sparsity, fixed by ${spec.pattern}`}
          text={draft.sparsities.join(', ')}
          parse={(text) => (fixed === null ? rateList(text) : draft.sparsities)}
          onCommit={(sparsities) => change({ sparsities })}
        />
        <TextField
          label="Seeds"
          text={draft.seeds.join(', ')}
          parse={seedList}
          onCommit={(seeds) => change({ seeds })}
        />
        <Segments
          label="Combinations"
          value={draft.axes ? 'axes' : 'pairs'}
          options={WAYS}
          onChange={(way) => change({ axes: way === 'axes' })}
        />
      </div>
      <OwnEntries disabled={job !== null} />
      <p className="hint">
        {draft.axes
          ? 'All pruners with the first allocation, and the first pruner with all allocations.'
          : 'Every pruner with every allocation.'}{' '}
        Every entry prunes the clean model to the same count of zeros, a ticked method with its defaults; ATP
        without a beta of its own searches it on the select text.
      </p>
      <div className="dialog-actions">
        <button type="submit" className="button primary" disabled={!ready || job !== null || count === 0}>
          Start comparison
        </button>
        <span className="hint compare-count">
          {count === 0
            ? 'Choose at least one of each.'
            : `${count} ${count === 1 ? 'entry' : 'entries'} at ${draft.sparsities.map(rate).join(', ')}`}
        </span>
      </div>
    </form>
  );
}

interface ChecksProps {
  legend: string;
  options: readonly { id: string; label: string; help: string }[];
  chosen: readonly string[];
  disabled: boolean;
  onChange: (chosen: string[]) => void;
}

/** Each ticked one with its defaults. */
function Checks({ legend, options, chosen, disabled, onChange }: ChecksProps) {
  const toggle = (id: string, on: boolean): void => {
    const others = chosen.filter((other) => other !== id);
    onChange(inOrder(on ? [...others, id] : others, options));
  };
  return (
    <fieldset className="compare-checks" disabled={disabled}>
      <legend>{legend}</legend>
      {options.map(({ id, label, help }) => (
        <label key={id} title={help}>
          <input
            type="checkbox"
            checked={chosen.includes(id)}
            onChange={(event) => toggle(id, event.currentTarget.checked)}
          />
          {label}
        </label>
      ))}
    </fieldset>
  );
}

function numbers(text: string): number[] | undefined {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const values = parts.map(Number);
  return parts.length > 0 && values.every(Number.isFinite) && new Set(values).size === values.length
    ? values
    : undefined;
}

function rateList(text: string): number[] | undefined {
  const values = numbers(text);
  return values && values.length <= MAX_SPARSITIES && values.every((s) => s >= 0 && s <= 1)
    ? values
    : undefined;
}

function seedList(text: string): number[] | undefined {
  const values = numbers(text);
  return values && values.length <= MAX_SEEDS && values.every((s) => Number.isSafeInteger(s) && s >= 0)
    ? values
    : undefined;
}
