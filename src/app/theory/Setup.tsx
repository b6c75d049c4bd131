/** What the theory is tried with, beyond the settings of the experiment. */
import { useStore } from 'zustand';
import { seedsProblem } from '../../core/spec';
import { deviceName } from '../../core/words';
import { Segments, TextField } from '../controls/fields';
import { rate } from '../format';
import { useRun, useSpec } from '../hooks/useLab';
import { change, theoryStore } from './theorist';

const OTHERS = [
  { value: 'target', label: 'At the target' },
  { value: 'dense', label: 'Dense' },
] as const;
const MAX_RATES = 99;

export function Setup() {
  const draft = useStore(theoryStore, (state) => state.draft);
  const spec = useSpec((state) => state.spec);
  const boot = useRun((state) => state.boot);
  if (!draft) return null;
  const pruner = boot?.pruners.find(({ id }) => id === spec.pruner)?.label ?? spec.pruner;
  return (
    <div className="theory-setup">
      <p className="hint">
        As in the experiment: {pruner}, {rate(spec.sparsity)} zeros, {spec.samples} ×{' '}
        {spec.window ?? 'up to 256'} calibration tokens, {spec.windows} windows of select text. Every entry
        prunes the clean model; the beta of a schedule is the best one of the grid.
        {boot?.slow &&
          ` ${boot.device.software ? 'This is a software adapter' : `${deviceName(boot.device)} is slow`}: to begin with, one seed (the theory asks for three) and five sparsities.`}
      </p>
      <TextField
        label="Seeds"
        text={draft.seeds.join(', ')}
        parse={seedList}
        onCommit={(seeds) => change({ seeds })}
      />
      <TextField
        label="Sparsities of 3.1"
        text={draft.rates.join(', ')}
        parse={rateList}
        onCommit={(rates) => change({ rates })}
      />
      <div className="theory-others">
        <span aria-hidden="true">Other layers in 3.4</span>
        <Segments
          label="Other layers in 3.4"
          value={draft.others}
          options={OTHERS}
          onChange={(others) => change({ others })}
        />
      </div>
    </div>
  );
}

function numbers(text: string): number[] | undefined {
  const parts = text.split(/[\s,;]+/).filter(Boolean);
  const values = parts.map(Number);
  return parts.length > 0 && values.every(Number.isFinite) ? values : undefined;
}

function seedList(text: string): number[] | undefined {
  const values = numbers(text);
  return values && seedsProblem(values, values[0] ?? 0) === null ? values : undefined;
}

function rateList(text: string): number[] | undefined {
  const values = numbers(text);
  const rising = values?.every((s, i) => s > (values[i - 1] ?? 0) && s < 1);
  return rising && values && values.length > 1 && values.length <= MAX_RATES ? values : undefined;
}
