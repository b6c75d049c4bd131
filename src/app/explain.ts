/**
 * One sentence about the run at hand, every word of it derived from its figures. Where the picture is not the one that
 * people expect, it says so.
 */
import { comparePaired } from '../eval/paired';
import { changePercent, compact, percent } from './format';

export interface ExplainInput {
  sparsity: number;
  beta: number;
  /** Cumulative error of every layer, exact; null while it is not known. */
  cumulative: readonly (number | null)[] | null;
  /** The same of the uniform run. */
  uniform: readonly (number | null)[] | null;
  perplexity: number | null | undefined;
  diverged: boolean;
  uniformPerplexity: number | null | undefined;
  /** Per-window losses of the two, for the interval. */
  losses: readonly number[] | undefined;
  uniformLosses: readonly number[] | undefined;
  /** From a complete sweep of this spec. */
  best: { beta: number; ties: readonly number[]; preview: boolean } | null;
  usesBeta: boolean;
  /** Every layer is asked for the same: this run is what others are compared with. */
  isUniform: boolean;
}

/** Last layer against first; below this the error does not count as growing. */
const GROWS = 1.5;

export function explain(input: ExplainInput): string {
  const { cumulative, sparsity } = input;
  if (sparsity === 0) return 'Nothing is pruned: the model is the dense one, and every error is zero.';
  const first = cumulative?.[0];
  const last = cumulative?.at(-1);
  if (!cumulative || first === null || first === undefined || last === null || last === undefined) {
    return 'Each layer is pruned on what the pruned layers before it hand over; its rows appear as they are measured.';
  }
  if (input.diverged) {
    return `At this setting the model’s predictions are no longer finite numbers: too much was taken from the layers it cannot do without.`;
  }
  return input.isUniform ? explainUniform(input, first, last) : explainTilted(input, last);
}

function explainUniform(input: ExplainInput, first: number, last: number): string {
  const layers = input.cumulative?.length ?? 1;
  const growth = last / first;
  const share = `With ${percent(input.sparsity)} of every layer gone,`;
  const climb =
    layers === 1
      ? 'the model’s only layer carries all the error.'
      : growth >= GROWS
        ? `the error at the last layer is ${compact(growth)} times the first’s: what an early layer spoils, every later one inherits.`
        : growth <= 1 / GROWS
          ? `the error shrinks with depth here (the last layer has ${compact(growth)} of the first’s): this model mends early damage rather than amplifying it.`
          : 'the error stays about level with depth here: early damage is not amplified in this model.';
  return `${share} ${climb}${bestHint(input)}`;
}

function bestHint({ best, usesBeta }: ExplainInput): string {
  if (!best || !usesBeta) return '';
  if (best.beta === 0)
    return ' No tilt does better: on the select text beta = 0 wins, so this model gains nothing from ATP at this sparsity.';
  if (best.ties.includes(0))
    return ` The best beta, ${compact(best.beta)}, cannot be told from 0 on so few windows.`;
  return ` Tilting helps: the best beta measured${best.preview ? ' in preview' : ''} is ${compact(best.beta)}.`;
}

function explainTilted(input: ExplainInput, last: number): string {
  const uniformLast = input.uniform?.at(-1);
  const direction = !input.usesBeta
    ? 'This allocation'
    : input.beta > 0
      ? 'Sparing the first layers'
      : 'Sparing the last layers (the control)';
  const ratio = uniformLast ? last / uniformLast : null;
  const error =
    ratio === null
      ? 'changes what each layer inherits'
      : Math.abs(ratio - 1) < 0.005
        ? 'leaves the error at the last layer as it was'
        : `${ratio < 1 ? 'lowers' : 'raises'} the error at the last layer by ${changePercent(ratio).replace(/^[+\u2212]/, '')}`;
  return `${direction} ${error}${perplexityClause(input, ratio)}`;
}

function perplexityClause(input: ExplainInput, ratio: number | null): string {
  const { perplexity, uniformPerplexity, losses, uniformLosses } = input;
  if (typeof perplexity !== 'number' || typeof uniformPerplexity !== 'number') return '.';
  const change = perplexity / uniformPerplexity;
  const compared = losses && uniformLosses ? comparePaired(losses, uniformLosses) : null;
  if (compared && compared.low !== null && !compared.distinguishable) {
    return `, but on ${compared.windows} windows its perplexity cannot be told from uniform’s.`;
  }
  const verb = change < 1 ? 'lowers' : 'raises';
  const same = ratio === null || ratio < 1 === change < 1;
  const beaten = change > 1 && input.best?.beta === 0 ? ' Here beta = 0 wins.' : '';
  return `${same ? ' and' : ', yet'} ${verb} perplexity by ${changePercent(change).replace(/^[+\u2212]/, '')} against uniform.${beaten}`;
}
