/** Accuracy of every task with its standard error, dense and pruned, beside guessing. */
import { useMemo } from 'react';
import type { Estimate, TaskRecord, TaskScore, ZeroShotRecord } from '../../core/zeroshot';
import { judged, marginUnit } from '../../core/zeroshotWords';
import { ChartFrame } from '../charts/ChartFrame';
import type { Table } from '../charts/csv';
import { exact, percent } from '../format';
import { useRem, useSize } from '../hooks/useSize';

export function ScoresFigure({ record, subject }: { record: ZeroShotRecord; subject: string }) {
  const table = useMemo(() => tableOf(record), [record]);
  return (
    <ChartFrame
      title="Zero-shot accuracy"
      subtitle={`${subject}; share of right answers with one standard error`}
      file="zeroshot"
      table={table}
      className="zeroshot-figure"
    >
      <ul className="legend" aria-hidden="true">
        <li className="key-dense">dense</li>
        {record.pruned && <li className="key-zeros">pruned</li>}
        <li className="key-chance">guessing</li>
      </ul>
      <Dots record={record} />
    </ChartFrame>
  );
}

const COLUMNS = ['acc', 'acc error', 'acc_norm', 'acc_norm error', 'margin', 'margin error'] as const;

function tableOf({ tasks, pruned, mode }: ZeroShotRecord): Table {
  const sides = pruned ? ['dense', 'pruned'] : ['dense'];
  return {
    caption: `Zero-shot tasks, mode ${mode}: accuracy, standard errors, margins, guessing; pruned against dense by McNemar's test.`,
    columns: [
      'task',
      'items',
      'guessing',
      ...sides.flatMap((side) => COLUMNS.map((column) => `${side} ${column}`)),
      'margin unit',
      ...(pruned ? ['lost', 'gained', 'McNemar p', 'margin change'] : []),
    ],
    rows: tasks.map((task) => [
      task.title,
      String(task.scored),
      exact(task.chance),
      ...cells(task, task.dense),
      ...(pruned ? cells(task, task.pruned) : []),
      marginUnit(task),
      ...(pruned
        ? [
            String(task.paired?.lost ?? ''),
            String(task.paired?.gained ?? ''),
            exact(task.paired?.p),
            exact(task.paired?.margin?.mean),
          ]
        : []),
    ]),
  };
}

function cells(task: TaskRecord, score: TaskScore | undefined): string[] {
  const margin = score && judged(task, score).margin;
  return [score?.acc, score?.accNorm, margin].flatMap((e: Estimate | null | undefined) => [
    exact(e?.mean),
    exact(e?.stderr),
  ]);
}

/** One row a task: a mark for guessing, a dot with a bar of one standard error for each model. */
function Dots({ record }: { record: ZeroShotRecord }) {
  const [ref, { width }] = useSize<HTMLDivElement>();
  const rem = useRem();
  const row = 2.25 * rem;
  const box = { left: 7.5 * rem, right: rem, top: 0.5 * rem, bottom: 1.75 * rem };
  const height = box.top + record.tasks.length * row + box.bottom;
  const x = (share: number): number => box.left + share * Math.max(0, width - box.left - box.right);
  return (
    <div className="plot" style={{ height }}>
      <div ref={ref} className="plot-area">
        {width > 0 && (
          <svg width={width} height={height} aria-hidden="true">
            {[0, 0.25, 0.5, 0.75, 1].map((share) => (
              <g key={share}>
                <line
                  className="grid-line"
                  x1={x(share)}
                  x2={x(share)}
                  y1={box.top}
                  y2={height - box.bottom}
                />
                <text x={x(share)} y={height - box.bottom * 0.3} textAnchor="middle">
                  {percent(share)}
                </text>
              </g>
            ))}
            {record.tasks.map((task, index) => {
              const y = box.top + (index + 0.5) * row;
              return (
                <g key={`${task.task} ${task.source}`}>
                  <text x={box.left - 12} y={y} dy="0.32em" textAnchor="end">
                    {task.title}
                  </text>
                  <line
                    className="chance-line"
                    x1={x(task.chance)}
                    x2={x(task.chance)}
                    y1={y - 12}
                    y2={y + 12}
                  />
                  <Dot task={task} score={task.dense} y={y - 5} x={x} className="dot-dense" />
                  {task.pruned && (
                    <Dot task={task} score={task.pruned} y={y + 5} x={x} className="dot-pruned" />
                  )}
                </g>
              );
            })}
          </svg>
        )}
      </div>
    </div>
  );
}

interface DotProps {
  task: TaskRecord;
  score: TaskScore;
  y: number;
  x: (share: number) => number;
  className: string;
}

function Dot({ task, score, y, x, className }: DotProps) {
  const { mean, stderr } = judged(task, score).accuracy;
  const error = stderr ?? 0;
  return (
    <g className={className}>
      <line x1={x(Math.max(0, mean - error))} x2={x(Math.min(1, mean + error))} y1={y} y2={y} />
      <circle cx={x(mean)} cy={y} r={4} />
    </g>
  );
}
