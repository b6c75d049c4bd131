/** The matrices of a layer in figures; a row chooses the one that is drawn. */
import { useRef, type KeyboardEvent } from 'react';
import type { MatrixRecord } from '../../core/layerRecord';
import { compact, percent } from '../format';

interface Props {
  matrices: readonly MatrixRecord[];
  chosen: string;
  onChoose: (name: string) => void;
}

export function MatrixFigures({ matrices, chosen, onChoose }: Props) {
  const body = useRef<HTMLTableSectionElement>(null);
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    const index = matrices.findIndex(({ name }) => name === chosen) + step;
    const next = matrices[index];
    if (step === 0 || !next) return;
    event.preventDefault();
    onChoose(next.name);
    body.current?.querySelectorAll('button')[index]?.focus();
  };
  return (
    <div className="table-shown matrix-figures" role="region" aria-label="Matrices of the layer" tabIndex={0}>
      <table>
        <caption className="visually-hidden">
          Zeros, local error, dead rows and dead columns of each matrix; a row chooses what is drawn below.
        </caption>
        <thead>
          <tr>
            {['matrix', 'zeros', 'asked', 'local error', 'dead rows', 'dead columns', 'outputs × inputs'].map(
              (head, i) => (
                <th key={head} scope="col" className={i === 0 ? 'name' : undefined}>
                  {head}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody ref={body} onKeyDown={onKeyDown}>
          {matrices.map((m) => (
            <tr key={m.name} className={m.name === chosen ? 'is-chosen' : undefined}>
              <th scope="row">
                <button
                  type="button"
                  aria-pressed={m.name === chosen}
                  title={m.tensor}
                  onClick={() => onChoose(m.name)}
                >
                  {m.name}
                </button>
              </th>
              <td>{percent(m.zeros / m.count, 2)}</td>
              <td>{m.requested === null ? '–' : percent(m.requested, 2)}</td>
              <td>{m.error === null ? '–' : compact(m.error)}</td>
              <td>{dead(m.dead.rows, m.dead.rowsBefore)}</td>
              <td>{dead(m.dead.cols, m.dead.colsBefore)}</td>
              <td>
                {m.rows} × {m.cols}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** New ones are what pruning did; those that were there before are said. */
export function dead(now: number, before: number): string {
  return before === 0 ? String(now) : `${now} (${before} before)`;
}
