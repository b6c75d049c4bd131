import { lazy, Suspense, useMemo, useState } from 'react';
import type { ParamDescription } from '../../session/protocol';
import { allocations } from '../../pruning/allocations';
import { Choice } from '../controls/Choice';
import { Range } from '../controls/Range';
import { MIXED_PATTERN } from '../../core/spec';
import { percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { useRates } from '../hooks/useResults';
import { drawable } from '../stores/byHand';
import { isByHand, patternRate, sparsityLimit } from '../stores/legal';
import { allocationParams, fitParams, knownParams, prunerParams } from '../stores/params';
import { uiStore } from '../stores/uiStore';
import { BetaControl } from './BetaControl';
import { Calibration } from './Calibration';
import { ModelControl } from './ModelControl';
import { SweepControl } from './SweepControl';

const ByHand = lazy(() => import('./ByHand'));
const MethodParams = lazy(() => import('./MethodParams'));

/** The cause: everything that decides the result, the rarely touched folded away. */
export function Experiment() {
  return (
    <section className="card experiment" aria-labelledby="experiment-title">
      <h2 id="experiment-title">Experiment</h2>
      <ModelControl />
      <PrunerControl />
      <AllocationControl />
      <SparsityControl />
      <BetaControl />
      <SweepControl />
      <PatternControl />
      <Calibration />
    </section>
  );
}

function PrunerControl() {
  const lab = useLab();
  const spec = useSpec((state) => state.spec);
  const boot = useRun((state) => state.boot);
  const { pruner } = spec;
  const known = boot?.pruners ?? [{ id: pruner, label: pruner === 'wanda' ? 'Wanda' : pruner, help: '' }];
  const options = known.map(({ id, label, help }) => ({ value: id, label, ...(help !== '' && { help }) }));
  const change = (id: string): void => {
    const { set } = fitParams(spec.set, knownParams(boot, { ...spec, pruner: id }));
    lab.commit({ pruner: id, set });
  };
  return (
    <>
      <Choice label="Pruner" decides="which weights go" value={pruner} options={options} onChange={change} />
      <Params of="pruner" params={prunerParams(boot, pruner)} />
    </>
  );
}

/** The parameters of a method, folded away; the summary says how many are not at their default. */
function Params({ of, params }: { of: string; params: readonly ParamDescription[] }) {
  const set = useSpec(({ spec }) => spec.set);
  const [open, setOpen] = useState(false);
  if (params.length === 0) return null;
  const changed = params.filter(({ name }) => Object.hasOwn(set, name)).length;
  return (
    <details className="fold params" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        Parameters of the {of}
        {changed > 0 && <b> · {changed} changed</b>}
      </summary>
      {open && (
        <Suspense fallback={null}>
          <MethodParams params={params} />
        </Suspense>
      )}
    </details>
  );
}

function AllocationControl() {
  const lab = useLab();
  const spec = useSpec((state) => state.spec);
  const boot = useRun((state) => state.boot);
  const rates = useRates();
  const options = allocations
    .filter(({ listed, id }) => listed || id === 'custom')
    .map(({ id, label, help }) => ({ value: id, label, help }));
  const change = (id: string): void => {
    const { set } = fitParams(spec.set, knownParams(boot, { ...spec, allocation: id }));
    // The rates that are asked for now are what drawing begins from.
    lab.commit({ allocation: id, set, layerSparsity: id === 'custom' ? drawable(rates) : undefined });
  };
  const params = useMemo(() => allocationParams(spec.allocation), [spec.allocation]);
  return (
    <>
      <Choice
        label="Allocation"
        decides="how many in each layer"
        value={spec.allocation}
        options={options}
        onChange={change}
      />
      {isByHand(spec) && (
        <Suspense fallback={null}>
          <ByHand />
        </Suspense>
      )}
      <Params of="allocation" params={params} />
    </>
  );
}

function SparsityControl() {
  const lab = useLab();
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const fixed = useSpec(({ spec }) => patternRate(spec.pattern) !== null);
  const limit = useSpec(({ spec }) => sparsityLimit(spec));
  return (
    <div className="field">
      <div className="field-label" aria-hidden="true">
        <span>Sparsity</span>
        <span className="decides"> how many weights go</span>
        <b className="field-value">{percent(sparsity)}</b>
      </div>
      <Range
        label="Sparsity"
        value={sparsity}
        min={0}
        max={limit}
        step={0.01}
        page={10}
        valueText={`${percent(sparsity)} of the weights become zero`}
        onDrag={(value) => lab.drag({ sparsity: value })}
        onCommit={() => lab.commit()}
        disabled={fixed}
      />
    </div>
  );
}

const PATTERNS = [
  { value: 'free', label: 'Free (unstructured)', help: 'Any weight may go' },
  { value: '2:4', label: '2:4', help: '2 kept of every 4 inputs; some hardware is faster with it' },
  { value: '4:8', label: '4:8', help: '4 kept of every 8' },
  { value: '1:4', label: '1:4', help: '1 kept of every 4, 75 % zeros' },
  { value: MIXED_PATTERN, label: 'Mixed N:8', help: 'ATP chooses how many of every 8 each layer keeps' },
];

function PatternControl() {
  const lab = useLab();
  const pattern = useSpec(({ spec }) => spec.pattern);
  const pruner = useSpec(({ spec }) => spec.pruner);
  const grouped = useRun(
    ({ boot }) => boot?.pruners.find(({ id }) => id === pruner)?.patterns.includes('K:M') ?? true,
  );
  const tilted = useSpec(({ spec }) => spec.allocation === 'atp');
  const known = PATTERNS.some(({ value }) => value === pattern);
  const options = [...PATTERNS, ...(known ? [] : [{ value: pattern, label: pattern }])].map((option) => ({
    ...option,
    disabled: option.value !== 'free' && (!grouped || (option.value === MIXED_PATTERN && !tilted)),
  }));
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const change = (value: string): void => {
    if (patternRate(pattern) === null) uiStore.setState({ freeSparsity: sparsity });
    const open = patternRate(value) === null;
    lab.commit({ pattern: value, ...(open && { sparsity: uiStore.getState().freeSparsity }) });
  };
  return (
    <Choice label="Pattern" decides="where they may go" value={pattern} options={options} onChange={change} />
  );
}
