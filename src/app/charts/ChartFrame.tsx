import { memo, useId, useRef, useState, type ReactNode } from 'react';
import { LabError } from '../../core/errors';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { Icon } from '../icons';
import { saveBlob, toCsv, type Table } from './csv';

interface Props {
  /** Accessible name of the figure and its heading. */
  title: string;
  subtitle: ReactNode;
  /** Base of the names of saved files. */
  file: string;
  /** Whether the names of saved files say the experiment at hand. */
  ofExperiment?: boolean;
  table: Table;
  /** Between the head and the drawing. */
  controls?: ReactNode;
  children: ReactNode;
  className?: string;
}

/** A figure: heading, tools, the drawing, and the same figures as a table. */
export function ChartFrame({
  title,
  subtitle,
  file,
  ofExperiment = true,
  table,
  controls,
  children,
  className = '',
}: Props) {
  const [shown, setShown] = useState(false);
  const figure = useRef<HTMLElement>(null);
  return (
    <figure ref={figure} className={`chart ${className}`} aria-label={title}>
      <div className="chart-head">
        <div>
          <h2>{title}</h2>
          <p className="sub">{subtitle}</p>
        </div>
        <ChartTools
          title={title}
          file={file}
          ofExperiment={ofExperiment}
          table={table}
          shown={shown}
          onToggle={() => setShown(!shown)}
          figure={figure}
        />
      </div>
      {controls}
      {children}
      <FigureTable table={table} shown={shown} />
    </figure>
  );
}

interface ToolsProps {
  title: string;
  file: string;
  ofExperiment: boolean;
  table: Table;
  shown: boolean;
  onToggle: () => void;
  figure: { current: HTMLElement | null };
}

function ChartTools({ title, file, ofExperiment, table, shown, onToggle, figure }: ToolsProps) {
  const lab = useLab();
  const model = useRun((state) => state.model?.name ?? 'demo');
  const spec = useSpec((state) => state.spec);
  const about = ofExperiment ? `-${model}-${spec.pruner}-s${spec.sparsity}` : '';
  const name = `prunelab-${file}${about}`.replaceAll(/[^\w.-]+/g, '_');

  const savePng = async (): Promise<void> => {
    try {
      const svg = figure.current?.querySelector<SVGSVGElement>('.plot svg');
      if (!svg)
        throw new LabError(
          'InternalError',
          'There is no drawing to save yet.',
          'Wait for the first figures.',
        );
      const { svgToPng } = await import('./png');
      saveBlob(await svgToPng(svg, title, table.caption), `${name}.png`);
    } catch (cause) {
      lab.jobs.report(LabError.from(cause));
    }
  };

  return (
    <div className="chart-tools">
      <button
        type="button"
        className="tool"
        aria-pressed={shown}
        aria-label="Show table"
        title={shown ? 'Hide table' : 'Show table'}
        onClick={onToggle}
      >
        <Icon name="table" />
      </button>
      <button
        type="button"
        className="tool"
        aria-label="Save CSV"
        title="Save CSV"
        onClick={() => saveBlob(new Blob([toCsv(table)], { type: 'text/csv' }), `${name}.csv`)}
      >
        <Icon name="csv" />
      </button>
      <button
        type="button"
        className="tool"
        aria-label="Save PNG"
        title="Save PNG"
        onClick={() => void savePng()}
      >
        <Icon name="image" />
      </button>
    </div>
  );
}

const FigureTable = memo(function FigureTable({ table, shown }: { table: Table; shown: boolean }) {
  const id = useId();
  return (
    <div
      className={shown ? 'table-shown' : 'visually-hidden'}
      {...(shown && { tabIndex: 0, role: 'region', 'aria-labelledby': id })}
    >
      <table>
        <caption id={id}>{table.caption}</caption>
        <thead>
          <tr>
            {table.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={row[0]} aria-current={index === table.current ? 'true' : undefined}>
              {row.map((cell, column) => (
                <td key={table.columns[column]}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
});
