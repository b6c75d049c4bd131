/** Error against perplexity: the points, rank correlations, and the beta that each would pick. */
import { useMemo, useState } from 'react';
import type { Correlation, ProxyExperiment, ProxyName } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { Segments } from '../controls/fields';
import { perplexity } from '../format';
import { digits, proxyPoints, proxyTable } from './figures';
import type { ResultProps } from './resultProps';

const NAMES: Readonly<Record<ProxyName | 'perplexity', string>> = {
  last: 'Last layer',
  summed: 'Summed',
  relative: 'Summed shares',
  perplexity: 'Perplexity itself',
};
const PROXIES = [
  { value: 'last', label: NAMES.last },
  { value: 'summed', label: NAMES.summed },
  { value: 'relative', label: NAMES.relative },
] as const;
const AMONG: Readonly<Record<Correlation['among'], string>> = {
  all: 'all prunings here',
  target: 'target sparsity',
  runs: 'earlier runs',
};
const SCATTER = { x: 'log', y: 'auto', scatter: true } as const;

export function Proxy({ experiment, record, file }: ResultProps<ProxyExperiment>) {
  const [proxy, setProxy] = useState<ProxyName>('last');
  const table = useMemo(
    () => proxyTable(experiment, 'Error against perplexity. One row for each pruning; cumulative errors.'),
    [experiment],
  );
  const { points, correlations, picks } = experiment;
  if (points.length === 0) return null;
  return (
    <>
      <SeriesFigure
        title="Error against perplexity"
        subtitle={`${NAMES[proxy]} cumulative error across, perplexity up`}
        file={file(proxy)}
        axis="error"
        series={proxyPoints(experiment, proxy, record.spec.base.sparsity)}
        scales={SCATTER}
        table={table}
        controls={<Segments label="Error" value={proxy} options={PROXIES} onChange={setProxy} />}
      />
      {correlations.length > 0 && (
        <Rows
          caption="Rank correlation with perplexity"
          columns={['error', 'among', 'points', 'rho', '95\u202f% interval']}
          rows={correlations.map((c) => [
            NAMES[c.proxy],
            AMONG[c.among],
            String(c.points),
            c.rho === null ? 'too few' : c.rho.toFixed(3),
            c.low === null || c.high === null ? '' : `${c.low.toFixed(3)} to ${c.high.toFixed(3)}`,
          ])}
        />
      )}
      {picks.length > 0 && (
        <Rows
          caption="The beta that each would pick"
          columns={['by', 'beta', 'perplexity']}
          rows={picks.map((p) => [
            NAMES[p.by],
            p.beta === null ? 'none' : digits(p.beta),
            perplexity(p.perplexity),
          ])}
        />
      )}
    </>
  );
}

function Rows({ caption, columns, rows }: { caption: string; columns: string[]; rows: string[][] }) {
  return (
    <div className="table-shown theory-rows" role="region" aria-label={caption} tabIndex={0}>
      <table>
        <caption>{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.slice(0, 2).join(' ')}>
              {row.map((text, i) => (
                <td key={columns[i]}>{text}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
