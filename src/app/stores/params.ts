/** Which parameters (`set`) a pruner and an allocation take, and what of a spec's they can make use of. Pure. */
import { LabError } from '../../core/errors';
import type { LabSpec, ParamValue } from '../../core/spec';
import { ALLOCATION_PARAMS, findAllocation } from '../../pruning/allocations';
import type { Boot, ParamDescription } from '../../session/protocol';

/** Parameters of an allocation that `set` may hold; beta has a place of its own. */
export function allocationParams(id: string): ParamDescription[] {
  return [...ALLOCATION_PARAMS, ...findAllocation(id).params]
    .filter(({ name }) => name !== 'beta')
    .map((param) => ({ ...param, choices: param.choices && [...param.choices] }));
}

export function prunerParams(boot: Boot | null, id: string): readonly ParamDescription[] {
  return boot?.pruners.find((pruner) => pruner.id === id)?.params ?? [];
}

/** Everything that `set` may hold with this pruner and allocation. */
export function knownParams(
  boot: Boot | null,
  { pruner, allocation }: Pick<LabSpec, 'pruner' | 'allocation'>,
): ParamDescription[] {
  return [...prunerParams(boot, pruner), ...allocationParams(allocation)];
}

/** What is wrong with a value of a parameter; null where nothing is. */
export function paramProblem(
  name: string,
  value: ParamValue,
  known: readonly ParamDescription[],
): LabError | null {
  const param = known.find((p) => p.name === name);
  if (!param) {
    const names = known.map((p) => p.name).join(', ');
    return new LabError(
      'SpecError',
      `There is no parameter "${name.slice(0, 60)}" here.`,
      `Known: ${names}.`,
    );
  }
  const { type, min = -Infinity, max = Infinity, integer = false, choices = [] } = param;
  const said = JSON.stringify(value).slice(0, 80);
  if (type === 'boolean')
    return typeof value === 'boolean'
      ? null
      : new LabError('SpecError', `${name} is true or false, not ${said}.`);
  if (type === 'choice')
    return choices.includes(String(value))
      ? null
      : new LabError('SpecError', `${name} is ${choices.join(' or ')}, not ${said}.`);
  if (
    type === 'number' &&
    !(typeof value === 'number' && value >= min && value <= max && (!integer || Number.isInteger(value)))
  )
    return new LabError(
      'SpecError',
      `${name} is a ${integer ? 'whole ' : ''}number${rangeText(min, max)}, not ${said}.`,
    );
  return null;
}

/** " from 0 to 1", " from 0 up", or nothing. */
export function rangeText(min = -Infinity, max = Infinity): string {
  if (min === -Infinity) return max === Infinity ? '' : ` up to ${max}`;
  return max === Infinity ? ` from ${min} up` : ` from ${min} to ${max}`;
}

/** `set` without what is not known or not legal, and what was wrong with it. */
export function fitParams(
  set: LabSpec['set'],
  known: readonly ParamDescription[],
): { set: LabSpec['set']; problems: LabError[] } {
  const problems: LabError[] = [];
  const kept = Object.entries(set).filter(([name, value]) => {
    const problem = paramProblem(name, value, known);
    if (problem) problems.push(problem);
    return !problem;
  });
  return { set: Object.fromEntries(kept), problems };
}

/** `set` with one value changed; values at their default are left out. */
export function withParam(set: LabSpec['set'], param: ParamDescription, value: ParamValue): LabSpec['set'] {
  const { [param.name]: _, ...rest } = set;
  return value === param.init ? rest : { ...rest, [param.name]: value };
}
