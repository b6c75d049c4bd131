import { judged, marginText, marginUnit, recordVerdict, shareText, taskVerdict } from '../core/zeroshotWords';
import type { TaskRecord, ZeroShotRecord } from '../core/zeroshot';

/** For people: one block for each task, its figures and what they say. */
export function describeZeroShot(record: ZeroShotRecord): string {
  return [...record.tasks.map(describeTask), `${recordVerdict(record).join('\n')}\n`].join('\n');
}

function describeTask(task: TaskRecord): string {
  const rows = [
    ['dense', task.dense],
    ['pruned', task.pruned],
  ] as const;
  const head = `${task.title}: ${task.scored} of ${task.documents} items, ${task.source}`;
  const table = rows.flatMap(([name, score]) => {
    if (!score) return [];
    const norm = score.accNorm ? `   acc_norm ${shareText(score.accNorm)}` : '';
    const margin = `   margin ${marginText(judged(task, score).margin)} ${marginUnit(task)}`;
    return [`  ${name.padEnd(8)}acc ${shareText(score.acc)}${norm}${margin}`];
  });
  return `${[head, ...table, ...taskVerdict(task).map((line) => `  ${line}`)].join('\n')}\n`;
}
