import { useState } from 'react';
import type { SparsityRecord } from '../../core/report';
import { percent } from '../format';
import { useRuns } from '../hooks/useResults';

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

/** Zeros of every pruned tensor of the run that is shown; nothing until there is one. */
export function MatrixTable() {
  const { run } = useRuns();
  const [open, setOpen] = useState(false);
  const sparsity = run?.report?.sparsity;
  if (!sparsity) return null;
  return (
    <details className="fold matrices" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Zeros by matrix</summary>
      {open && (
        <div className="table-shown" tabIndex={0} role="region" aria-label="Zeros by matrix">
          <table>
            <caption>
              Zeros in each pruned tensor; rows set in are the parts of a fused one, which is pruned as the
              one matrix that the file holds.
            </caption>
            <thead>
              <tr>
                <th scope="col">tensor</th>
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
