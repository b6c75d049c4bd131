/** What the figures of a zero-shot evaluation say, in words with the model's own numbers. */
import type { Estimate, TaskRecord, TaskScore, ZeroShotRecord } from './zeroshot';

/** Below this an exact p counts as a difference. */
const SIGNIFICANT = 0.05;

/** Share in percent with its standard error: '53.6 ± 4.2 %'. */
export function shareText({ mean, stderr }: Estimate): string {
  if (!Number.isFinite(mean)) return 'none';
  return stderr === null ? `${points(mean)} %` : `${points(mean)} ± ${points(stderr)} %`;
}

/** A margin with its sign: '+0.412 ± 0.051'. */
export function marginText(margin: Estimate | null): string {
  if (!margin) return 'diverged';
  const spread = margin.stderr === null ? '' : ` ± ${figure(margin.stderr)}`;
  return `${signed(margin.mean)}${spread}`;
}

export function pText(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toPrecision(2)}`;
}

/** The accuracy and the margin that the task is judged by. */
export function judged(task: TaskRecord, score: TaskScore): { accuracy: Estimate; margin: Estimate | null } {
  return task.metric === 'acc_norm' && score.accNorm
    ? { accuracy: score.accNorm, margin: score.marginNorm }
    : { accuracy: score.acc, margin: score.margin };
}

/** Unit of the margin that the task is judged by. */
export function marginUnit(task: TaskRecord): string {
  return task.metric === 'acc_norm' ? 'nats per character' : 'nats';
}

/** Sentences about one task: the dense model, the pruned one, the two against each other. */
export function taskVerdict(task: TaskRecord): string[] {
  const words = [against(task, 'The dense model', task.dense)];
  if (task.pruned) words.push(against(task, 'The pruned model', task.pruned));
  if (task.paired) words.push(change(task));
  return words;
}

/** How a model stands against guessing. */
function against(task: TaskRecord, who: string, score: TaskScore): string {
  const { accuracy, margin } = judged(task, score);
  const items = `${task.scored} ${task.scored === 1 ? 'item' : 'items'}`;
  if (score.diverged > 0)
    return `${who} gives no finite log-likelihood in ${score.diverged} of ${items}: it diverged, and its accuracy says nothing.`;
  const said = `${who} is right in ${shareText(accuracy)} of ${items}; guessing gives ${points(task.chance)} %`;
  const margins = ` Its margin is ${marginText(margin)} ${marginUnit(task)}.`;
  const constant = constantAnswer(task, score);
  if (constant !== null)
    return `${said}, and it always answers "${constant}": the accuracy is that of one answer given every time.${margins}`;
  if (score.chanceP >= SIGNIFICANT)
    return `${said}: not distinguishable from chance (${pText(score.chanceP)}), so read the margin instead.${margins}`;
  const direction = accuracy.mean > task.chance ? 'better than chance' : 'worse than chance';
  const collapsed =
    task.constant && accuracy.mean <= task.constant.accuracy
      ? `, but no better than always giving the more frequent answer (${points(task.constant.accuracy)} %)`
      : '';
  return `${said}: ${direction} (${pText(score.chanceP)})${collapsed}.${margins}`;
}

/** The one option that was ever chosen, where options are fixed and there are items enough to tell. */
function constantAnswer({ constant, scored }: TaskRecord, { chosen }: TaskScore): string | null {
  const only = chosen?.findIndex((count) => count === scored) ?? -1;
  return scored > 1 && only >= 0 ? (constant?.options[only] ?? null) : null;
}

/** Pruned against dense. */
function change(task: TaskRecord): string {
  const { paired, pruned } = task;
  if (!paired || !pruned) return '';
  const sum =
    `Pruning loses ${paired.lost} right answers and gains ${paired.gained} ` +
    `(${signedPoints(paired.difference)} points, McNemar ${pText(paired.p)})`;
  const verdict =
    paired.p < SIGNIFICANT
      ? `: it makes the model ${paired.difference < 0 ? 'worse' : 'better'} at this task.`
      : ': no difference that these items can show.';
  const { margin } = paired;
  if (!margin) return `${sum}${verdict} The margin cannot be compared: a log-likelihood is not finite.`;
  const interval =
    margin.low === null || margin.high === null
      ? ''
      : ` (95 % interval ${signed(margin.low)} to ${signed(margin.high)})`;
  const margins = margin.distinguishable
    ? `${margin.mean < 0 ? 'The margin falls' : 'The margin rises'} by ${figure(Math.abs(margin.mean))}`
    : `The margin changes by ${signed(margin.mean)}, which is not distinguishable from none`;
  return `${sum}${verdict} ${margins}${interval} ${marginUnit(task)}.`;
}

/** About the whole evaluation. */
export function recordVerdict(record: ZeroShotRecord): string[] {
  const words: string[] = [];
  if (record.mean) {
    const { dense, pruned } = record.mean;
    const then = pruned === undefined ? '' : ` dense and ${points(pruned)} % pruned`;
    words.push(`Mean accuracy of the tasks: ${points(dense)} %${then}.`);
  }
  words.push(
    record.tokenizerAddsSpecials
      ? `Mode ${record.mode}: this tokenizer puts special tokens around a text, which ${record.mode === 'paper' ? 'are left out' : 'are kept'}. The other mode gives other figures.`
      : `Mode ${record.mode}: this tokenizer puts no special tokens around a text, so both modes read the same prompts.`,
  );
  if (record.limit !== null)
    words.push(
      `At most ${record.limit} items of each task, the first after a shuffle with seed ${record.shuffleSeed}.`,
    );
  return words;
}

const points = (share: number): string => (100 * share).toFixed(1);
const signedPoints = (share: number): string => sign(share) + points(Math.abs(share));
const signed = (value: number): string => sign(value) + figure(Math.abs(value));
const sign = (value: number): string => (value < 0 ? '−' : '+');
const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
