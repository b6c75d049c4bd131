import type { StorageFormat } from '../../core/sparseSizes';
import type { SpeedRow } from '../../core/speed';
import { bytes, changePercent, compact } from '../format';
import type { FormatSize } from './exportSizes';
import './export.css';

const NAMES: Record<StorageFormat, string> = {
  dense: 'dense',
  zeros: 'dense with zeros',
  bitmask: 'bitmask',
  csr: 'CSR',
  km: 'K of every M',
};

interface SizesTableProps {
  rows: readonly FormatSize[];
  pattern: string;
  /** What Speed measured of this pruned model on this adapter; null where it did not. */
  measured: readonly SpeedRow[] | null;
}

/** What each format weighs, how much faster it can be at most, and how fast it was. */
export function SizesTable({ rows, pattern, measured }: SizesTableProps) {
  const dense = rows[0];
  if (!dense) return null;
  return (
    <>
      <div className="table-shown export-sizes" role="region" aria-label="Sizes by format" tabIndex={0}>
        <table>
          <caption className="visually-hidden">Sizes by format</caption>
          <thead>
            <tr>
              <th scope="col" className="name">
                format
              </th>
              <th scope="col">on disk</th>
              <th scope="col">in memory</th>
              {!measured && <th scope="col">matrices</th>}
              <th scope="col">model</th>
              {measured && <th scope="col">tokens/s</th>}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ format, disk, memory, limit }) => (
              <tr key={format}>
                <th scope="row">{format === 'km' ? pattern : NAMES[format]}</th>
                <td>{disk === null ? 'no such file' : size(disk, dense.disk)}</td>
                <td>{size(memory, dense.memory)}</td>
                {!measured && <td>×{limit.matrices.toFixed(2)}</td>}
                <td>×{limit.model.toFixed(2)}</td>
                {measured && <td>{speed(measured.find((row) => row.format === format))}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="hint">
        {measured
          ? 'Model: the speed-up at most of the whole model, with what stays dense, where each token reads every byte once; arithmetic. Tokens/s: measured while decoding on this adapter, and against the dense weights of the same run.'
          : 'Last two columns: the speed-up at most where each token reads every byte once, of the pruned matrices alone and of the whole model with what stays dense. Arithmetic, not a measurement.'}
      </p>
    </>
  );
}

function size(value: number, dense: number | null): string {
  return dense === null || value === dense
    ? bytes(value)
    : `${bytes(value)} (${changePercent(value / dense)})`;
}

function speed(row: SpeedRow | undefined): string {
  return row ? `${compact(row.decode.median)} (×${row.speedUp.toFixed(2)})` : 'not measured';
}
