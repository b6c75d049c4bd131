/** Entries of a comparison that carry parameters of their own (`owl:lambda=0.05`): what they take, what they say. Pure. */
import { methodText, parseMethod, SAME_ZEROS } from '../../core/comparison';
import type { LabSpec, ParamValue } from '../../core/spec';
import { allocations } from '../../pruning/allocations';
import type { Boot, ParamDescription } from '../../session/protocol';
import { betaLimit } from '../stores/legal';
import { allocationParams, prunerParams } from '../stores/params';

/** The list of the draft that a method belongs to. */
export type MethodKind = 'pruners' | 'allocations';

/** Uniform first: what the others are compared with. */
export const LISTED = allocations
  .filter(({ listed }) => listed)
  .sort((a, b) => Number(b.id === 'uniform') - Number(a.id === 'uniform'));

export interface OwnMethod {
  kind: MethodKind;
  id: string;
  label: string;
  params: ParamDescription[];
}

/** Every method with what an entry of it may set; defaults are those of a comparison. */
export function ownMethods(
  boot: Boot | null,
  spec: LabSpec,
  sparsities: readonly number[],
  layers: number | null,
): OwnMethod[] {
  const beta = betaParam(spec, sparsities, layers);
  // What keeps the count of zeros is on, and stands last.
  const inComparison = (params: readonly ParamDescription[]): ParamDescription[] => [
    ...params.filter(({ name }) => !SAME_ZEROS.includes(name)),
    ...params.flatMap((param) => (SAME_ZEROS.includes(param.name) ? { ...param, init: true } : [])),
  ];
  return [
    ...(boot?.pruners ?? []).map(({ id, label }) => ({
      kind: 'pruners' as const,
      id,
      label,
      params: inComparison(prunerParams(boot, id)),
    })),
    ...LISTED.map(({ id, label, hasBeta }) => ({
      kind: 'allocations' as const,
      id,
      label,
      params: [...(hasBeta && beta ? [beta] : []), ...inComparison(allocationParams(id))],
    })),
  ].filter(({ params }) => params.length > 0);
}

/** Beta as a parameter, legal at one of the sparsities at least; null where it decides nothing. */
function betaParam(
  spec: LabSpec,
  sparsities: readonly number[],
  layers: number | null,
): ParamDescription | null {
  if (layers === null) return null;
  const limit = Math.max(
    ...sparsities.map((sparsity) => betaLimit({ ...spec, allocation: 'atp', sparsity, set: {} }, layers)),
  );
  if (!(limit > 0)) return null;
  return {
    name: 'beta',
    label: 'Beta',
    help: 'How much the rate rises from layer to layer; without one it is searched on the select text.',
    type: 'number',
    min: -limit,
    max: limit,
    init: 'auto',
  };
}

/** The text of an entry, its parameters in the order of the method's; spaces decide nothing in any of them. */
export function entryText({ id, params }: OwnMethod, set: Readonly<Record<string, ParamValue>>): string {
  const ordered = params.flatMap(({ name }) => {
    const value = set[name];
    return value === undefined
      ? []
      : [[name, typeof value === 'string' ? value.replaceAll(/\s+/g, '') : value]];
  });
  return methodText(id, Object.fromEntries(ordered) as Record<string, ParamValue>);
}

/** "OWL, by outliers: Lambda 0.05": an entry in the words of its controls. */
export function entryName(text: string, method: OwnMethod | undefined): string {
  const { id, set } = parseMethod(text);
  const label = (name: string): string => method?.params.find((param) => param.name === name)?.label ?? name;
  const say = (value: ParamValue): string =>
    value === true ? 'on' : value === false ? 'off' : String(value);
  const values = Object.entries(set).map(([name, value]) => `${label(name)} ${say(value)}`);
  return `${method?.label ?? id}: ${values.join(', ')}`;
}

/** The entries in the order of the menu, those with parameters behind the one without; strangers keep their place in front. */
export function inOrder(entries: readonly string[], menu: readonly { id: string }[]): string[] {
  const place = (text: string): number => menu.findIndex(({ id }) => id === text.split(':', 1)[0]);
  const own = (text: string): number => (text.includes(':') ? 1 : 0);
  return [...entries].sort((a, b) => place(a) - place(b) || own(a) - own(b));
}
