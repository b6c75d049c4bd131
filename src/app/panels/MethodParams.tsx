/** Controls for whatever parameters a method describes; loaded when they are unfolded. */
import { useState, type ReactNode } from 'react';
import type { LabError } from '../../core/errors';
import type { LabSpec, ParamValue } from '../../core/spec';
import type { ParamDescription } from '../../session/protocol';
import { Choice } from '../controls/Choice';
import { NumberField, Switch, TextField } from '../controls/fields';
import { useLab, useSpec } from '../hooks/useLab';
import { paramProblem, rangeText, withParam } from '../stores/params';
import { uiStore } from '../stores/uiStore';

/** Those of the experiment at hand. */
export default function MethodParams({ params }: { params: readonly ParamDescription[] }) {
  const lab = useLab();
  const set = useSpec(({ spec }) => spec.set);
  return (
    <ParamFields
      params={params}
      set={set}
      onChange={(next) => lab.commit({ set: next })}
      onRefuse={(problem) => lab.jobs.report(problem)}
    >
      {params.some(({ name }) => name === 'expression') && <SearchButton />}
    </ParamFields>
  );
}

function SearchButton() {
  return (
    <button
      type="button"
      className="button small"
      aria-haspopup="dialog"
      onClick={() => uiStore.setState({ dialog: { name: 'metricSearch' } })}
      onPointerEnter={() => void import('../metricSearch/MetricSearchDialog')}
    >
      Search metric
    </button>
  );
}

interface Props {
  params: readonly ParamDescription[];
  /** The values that differ from their defaults. */
  set: LabSpec['set'];
  onChange: (set: LabSpec['set']) => void;
  /** A value was given that the parameter does not take. */
  onRefuse: (problem: LabError) => void;
  /** Below them. */
  children?: ReactNode;
}

export function ParamFields({ params, children, ...rest }: Props) {
  return (
    <div className="method-params">
      {params.map((param) => (
        <Param key={param.name} param={param} {...rest} />
      ))}
      {children}
    </div>
  );
}

function Param({
  param,
  set,
  onChange,
  onRefuse,
}: Omit<Props, 'params' | 'children'> & { param: ParamDescription }) {
  const { name, label, help, type, init } = param;
  const value = set[name] ?? init;
  // A field that was told off begins anew from the value that holds.
  const [refused, setRefused] = useState(0);
  const change = (next: ParamValue): void => {
    const problem = next === init ? null : paramProblem(name, next, [param]);
    if (problem) {
      setRefused(refused + 1);
      onRefuse(problem);
    } else onChange(withParam(set, param, next));
  };
  if (type === 'boolean')
    return <Switch label={label} help={help} checked={value === true} onChange={change} />;
  if (type === 'choice')
    return (
      <div className="param">
        <Choice
          label={label}
          value={String(value)}
          options={(param.choices ?? []).map((choice) => ({ value: choice, label: choice }))}
          onChange={change}
        />
        <p className="hint">{help}</p>
      </div>
    );
  if (type === 'number')
    return (
      <div className="param">
        <NumberField
          key={refused}
          label={label}
          value={typeof value === 'number' ? value : null}
          placeholder={String(init)}
          min={-Infinity}
          integer={false}
          onCommit={(next) => change(next ?? init)}
        />
        <p className="hint">
          {help} {capital(rangeText(param.min, param.max))}Default {String(init)}.
        </p>
      </div>
    );
  return (
    <div className="param">
      <TextField label={label} text={String(value)} parse={(text) => text.trim()} onCommit={change} />
      <p className="hint">{help}</p>
    </div>
  );
}

/** " from 0 to 1" → "From 0 to 1. " */
function capital(text: string): string {
  return text === '' ? '' : `${text.charAt(1).toUpperCase()}${text.slice(2)}. `;
}
