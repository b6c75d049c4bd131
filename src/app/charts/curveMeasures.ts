/** How each measure of the curve is named and written. */
import { nats, percent, perplexity } from '../format';
import type { CurveMeasure } from './curveRows';

interface Measure {
  /** In sentences and read-outs. */
  name: string;
  /** Of the alternative that chooses it. */
  label: string;
  read(value: number | null): string;
  /** On the axis. */
  tick(value: number): string;
}

const grouped = (value: number): string =>
  value >= 1e5 ? value.toExponential(0) : value.toLocaleString('en-US');

export const MEASURES: Record<CurveMeasure, Measure> = {
  perplexity: { name: 'perplexity', label: 'Perplexity', read: perplexity, tick: grouped },
  kl: { name: 'KL from dense', label: 'KL from dense', read: nats, tick: grouped },
  topOne: {
    name: 'same first choice',
    label: 'First choice',
    read: (value) => (value === null ? 'diverged' : percent(value, 1)),
    tick: (value) => percent(value),
  },
};
