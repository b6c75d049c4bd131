/** Theorem 3.4: the heat map, and what each layer's raise costs. */
import { useState } from 'react';
import type { SpreadExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { Segments } from '../controls/fields';
import { percent, perplexity } from '../format';
import { harmLine, type Harm } from './figures';
import { HeatMap } from './HeatMap';
import type { ResultProps } from './resultProps';

const HARMS = [
  { value: 'relativeArea', label: 'Shares' },
  { value: 'area', label: 'Squares' },
  { value: 'perplexity', label: 'Perplexity' },
] as const;
const SIGNED = { x: 'layer', y: 'signed', scatter: true } as const;
const PERPLEXITY = { x: 'layer', y: 'auto', scatter: true } as const;

export function Spread({ experiment, file }: ResultProps<SpreadExperiment>) {
  const [harm, setHarm] = useState<Harm>('relativeArea');
  const { base, layers, raise } = experiment;
  if (layers.length === 0) return null;
  const measured = harm === 'perplexity';
  return (
    <>
      <HeatMap experiment={experiment} file={file('map')} />
      <SeriesFigure
        title="Harm by raised layer"
        subtitle={
          measured
            ? `Perplexity of the select text with this layer raised by ${percent(raise)}; ${perplexity(base?.perplexity)} with none raised`
            : `Growth of all later errors together, ${harm === 'area' ? 'in squares' : 'as shares of the dense outputs'}`
        }
        file={file('harm')}
        axis="layer"
        series={harmLine(experiment, harm, measured ? 'perplexity' : 'growth')}
        scales={measured ? PERPLEXITY : SIGNED}
        {...(measured &&
          base?.perplexity && {
            marks: [{ y: base.perplexity, label: 'none raised', className: 'limit-line' }],
          })}
        controls={<Segments label="Measure of the harm" value={harm} options={HARMS} onChange={setHarm} />}
      />
    </>
  );
}
