import type { ParamDescription } from '../../session/protocol';
import { allocations } from '../../pruning/allocations';
import { Choice } from '../controls/Choice';
import { NumberField, Switch } from '../controls/fields';
import { Range } from '../controls/Range';
import { percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { patternRate } from '../stores/legal';
import { uiStore } from '../stores/uiStore';
import { BetaControl } from './BetaControl';
import { Calibration } from './Calibration';
import { ModelControl } from './ModelControl';
import { SweepControl } from './SweepControl';

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
  const pruner = useSpec(({ spec }) => spec.pruner);
  const pruners = useRun(({ boot }) => boot?.pruners);
  const known = pruners ?? [
    { id: pruner, label: pruner === 'wanda' ? 'Wanda' : pruner, help: '', params: [] },
  ];
  const chosen = known.find(({ id }) => id === pruner);
  const options = known.map(({ id, label, help }) => ({ value: id, label, ...(help !== '' && { help }) }));
  return (
    <>
      <Choice
        label="Pruner"
        decides="which weights go"
        value={pruner}
        options={options}
        onChange={(value) => lab.commit({ pruner: value, set: {} })}
      />
      {chosen && chosen.params.length > 0 && <MethodParams params={chosen.params} of={chosen.label} />}
    </>
  );
}

/** Controls for whatever parameters a method describes. */
function MethodParams({ params, of }: { params: readonly ParamDescription[]; of: string }) {
  const lab = useLab();
  const set = useSpec(({ spec }) => spec.set);
  const change = (param: ParamDescription, value: ParamDescription['init']): void => {
    const rest = Object.fromEntries(Object.entries(set).filter(([name]) => name !== param.name));
    lab.commit({ set: value === param.init ? rest : { ...rest, [param.name]: value } });
  };
  return (
    <details className="fold">
      <summary>Details of {of}</summary>
      {params.map((param) => {
        const value = set[param.name] ?? param.init;
        if (param.type === 'boolean') {
          return (
            <Switch
              key={param.name}
              label={param.label}
              help={param.help}
              checked={value === true}
              onChange={(checked) => change(param, checked)}
            />
          );
        }
        if (param.type === 'choice') {
          const options = (param.choices ?? []).map((choice) => ({ value: choice, label: choice }));
          return (
            <Choice
              key={param.name}
              label={param.label}
              value={String(value)}
              options={options}
              onChange={(next) => change(param, next)}
            />
          );
        }
        return (
          <NumberField
            key={param.name}
            label={param.label}
            value={typeof value === 'number' ? value : null}
            min={param.min ?? -Infinity}
            max={param.max ?? Infinity}
            integer={false}
            onCommit={(next) => change(param, next ?? param.init)}
          />
        );
      })}
    </details>
  );
}

function AllocationControl() {
  const lab = useLab();
  const allocation = useSpec(({ spec }) => spec.allocation);
  const options = allocations
    .filter(({ listed }) => listed)
    .map(({ id, label, help }) => ({ value: id, label, help }));
  return (
    <Choice
      label="Allocation"
      decides="how many in each layer"
      value={allocation}
      options={options}
      onChange={(value) => lab.commit({ allocation: value })}
    />
  );
}

function SparsityControl() {
  const lab = useLab();
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const fixed = useSpec(({ spec }) => patternRate(spec.pattern) !== null);
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
        max={1}
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
];

function PatternControl() {
  const lab = useLab();
  const pattern = useSpec(({ spec }) => spec.pattern);
  const pruner = useSpec(({ spec }) => spec.pruner);
  const grouped = useRun(
    ({ boot }) => boot?.pruners.find(({ id }) => id === pruner)?.patterns.includes('K:M') ?? true,
  );
  const known = PATTERNS.some(({ value }) => value === pattern);
  const options = [...PATTERNS, ...(known ? [] : [{ value: pattern, label: pattern }])].map((option) => ({
    ...option,
    disabled: option.value !== 'free' && !grouped,
  }));
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const change = (value: string): void => {
    if (pattern === 'free') uiStore.setState({ freeSparsity: sparsity });
    lab.commit({ pattern: value, ...(value === 'free' && { sparsity: uiStore.getState().freeSparsity }) });
  };
  return (
    <Choice label="Pattern" decides="where they may go" value={pattern} options={options} onChange={change} />
  );
}
