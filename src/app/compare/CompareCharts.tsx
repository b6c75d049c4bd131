import { useState } from 'react';
import { isDone, type Comparison } from '../../core/comparison';
import {
  errorByLayer,
  measuredSparsities,
  perplexityBySparsity,
  runningBest,
  sparsityByLayer,
} from '../../formats/compareSeries';
import { Segments } from '../controls/fields';
import { rate } from '../format';
import { SeriesFigure } from './SeriesFigure';

const TIME_SCALES = [
  { value: 'log', label: 'Log seconds' },
  { value: 'linear', label: 'Linear' },
] as const;

/** The rows laid over each other. */
export function CompareCharts({ comparison }: { comparison: Comparison }) {
  const sparsities = measuredSparsities(comparison);
  const [wanted, setWanted] = useState<number | null>(null);
  const [logTime, setLogTime] = useState(true);
  const sparsity = wanted !== null && sparsities.includes(wanted) ? wanted : sparsities.at(-1);
  if (sparsity === undefined) return null;
  const errors = comparison.rows.find(isDone)?.errors;
  const searches = runningBest(comparison, sparsity);
  const fileOf = (what: string, of = `-s${sparsity}`): string =>
    `compare-${what}-${comparison.model.name}${of}`;
  const at = `at ${rate(sparsity)} zeros`;
  return (
    <>
      {sparsities.length > 1 && (
        <Segments
          label="Sparsity of the charts"
          value={String(sparsity)}
          options={sparsities.map((s) => ({
            value: String(s),
            label: rate(s),
          }))}
          onChange={(value) => setWanted(Number(value))}
        />
      )}
      <div className="compare-charts">
        <SeriesFigure
          title="Compared sparsity per layer"
          subtitle={`Zeros counted in each layer, ${at}`}
          file={fileOf('sparsity')}
          axis="layer"
          series={sparsityByLayer(comparison, sparsity)}
          scales={{ y: 'share', x: 'layer' }}
        />
        <SeriesFigure
          title="Compared error per layer"
          subtitle={`Cumulative error as a share of the dense output, ${errors?.text ?? 'calibration'} text, ${at}`}
          file={fileOf('errors')}
          axis="layer"
          series={errorByLayer(comparison, sparsity)}
          scales={{ y: 'auto', x: 'layer' }}
        />
        {sparsities.length > 1 && (
          <SeriesFigure
            title="Perplexity versus sparsity"
            subtitle="Report text"
            file={fileOf('perplexity', '')}
            axis="sparsity"
            series={perplexityBySparsity(comparison, 'report')}
            scales={{ y: 'auto', x: 'linear' }}
          />
        )}
        {searches.length > 0 && (
          <SeriesFigure
            title="Running best of each search"
            subtitle={`Smallest perplexity of the select text so far, ${at}; seconds since the entry began`}
            file={fileOf('search')}
            axis="seconds"
            series={searches}
            scales={{ y: 'auto', x: logTime ? 'log' : 'linear', steps: true }}
            controls={
              <Segments
                label="Time axis"
                value={logTime ? 'log' : 'linear'}
                options={TIME_SCALES}
                onChange={(value) => setLogTime(value === 'log')}
              />
            }
          />
        )}
      </div>
    </>
  );
}
