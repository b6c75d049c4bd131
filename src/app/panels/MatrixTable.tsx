import { useState } from 'react';
import type { SparsityRecord } from '../../core/report';
import { percent } from '../format';

interface Row {
  name: string;
  part: boolean;
  zeros: number;
  count: number;
}

/** One row for each tensor, and one for each part of a fused one. */
export function matrixRows(sparsity: SparsityRecord): Row[] {
  return Object.entries(sparsity.matrices).flatMap(([name, counts]) => [
    { name, part: false, ...counts },
    ...Object.entries(sparsity.parts?.[name] ?? {}).map(([part, of]) => ({ name: part, part: true, ...of })),
  ]);
}

/** Zeros of every pruned tensor; some hundred rows, made when they are asked for. */
export function MatrixTable({ sparsity }: { sparsity: SparsityRecord }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="fold matrices" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Zeros by matrix</summary>
      {open && (
        <div className="table-shown" tabIndex={0} role="region" aria-label="Zeros by matrix">
          <table>
            <caption>
              Zeros in each pruned tensor
              {sparsity.parts &&
                '; the rows set in are parts of a fused one, which is pruned as the one matrix that the file holds'}
              .
            </caption>
            <thead>
              <tr>
                <th scope="col" className="name">
                  tensor
                </th>
                <th scope="col">zeros</th>
                <th scope="col">of</th>
                <th scope="col">share</th>
              </tr>
            </thead>
            <tbody>
              {matrixRows(sparsity).map((row, i) => (
                <tr key={i} className={row.part ? 'part' : undefined}>
                  <th scope="row">{row.name}</th>
                  <td>{row.zeros}</td>
                  <td>{row.count}</td>
                  <td>{percent(row.zeros / row.count, 2)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
