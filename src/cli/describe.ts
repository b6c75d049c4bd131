/** Figures as the command line prints them for people. */
import type { LayerRecord, MatrixRecord } from '../core/layerRecord';
import type { Curve, MemoryRecord, RunReport, WorkCount } from '../core/report';
import { counted } from '../core/words';

export function describePerplexity(value: number | null | undefined): string {
  if (value === undefined) return 'not measured';
  return value === null ? 'diverged' : value.toPrecision(6);
}

const percent = (x: number): string => `${(100 * x).toFixed(2)} %`;

export function describeCurve(curve: Curve): string {
  const ranged = curve.points.some((p) => p.bySeed !== undefined);
  const rows = curve.points.map((p) => {
    const mark =
      p.beta === curve.best ? '  best' : curve.ties?.includes(p.beta) ? '  not told apart from the best' : '';
    const range = ranged
      ? ['mean', 'min', 'max'].map((key) => figure(p[key as 'mean'], describePerplexity))
      : [];
    const cells = [describePerplexity(p.perplexity), ...range, figure(p.kl, nats), figure(p.topOne, percent)];
    return `${p.beta.toFixed(6).padStart(10)}  ${cells.map((cell) => cell.padStart(12)).join('')}${mark}`;
  });
  const heads = ['perplexity', ...(ranged ? ['mean', 'lowest', 'highest'] : []), 'KL, nats', 'same top-1'];
  const head = `      beta  ${heads.map((text) => text.padStart(12)).join('')}`;
  return `${head}   (select text, ${curve.kind}${ranged ? `, ${curve.points[0]?.bySeed?.length ?? 0} seeds` : ''})\n${rows.join('\n')}\n`;
}

const nats = (x: number): string => x.toPrecision(4);

function figure(value: number | null | undefined, write: (value: number) => string): string {
  return value === null || value === undefined ? '-' : write(value);
}

export function describeRun(report: RunReport): string {
  const { sparsity, perplexity, allocation, errors } = report;
  const lines: string[] = [];
  if (sparsity)
    lines.push(
      `sparsity    ${percent(sparsity.achieved)} of the prunable weights are zero (asked: ${percent(sparsity.requested)})`,
    );
  if (allocation) {
    const beta = allocation.params['beta'];
    const range = `layers from ${percent(Math.min(...allocation.sparsity))} to ${percent(Math.max(...allocation.sparsity))}`;
    lines.push(`allocation  ${allocation.id}${typeof beta === 'number' ? `, beta ${beta}` : ''}, ${range}`);
    const { clamped = 0, nominalMean, fallback } = allocation;
    if (clamped > 0 && nominalMean !== undefined)
      lines.push(`            ${counted(clamped, 'rate')} clamped; the mean is ${percent(nominalMean)}`);
    if (fallback !== undefined) lines.push(`            fell back: ${fallback}`);
  }
  lines.push(
    `perplexity  ${describePerplexity(perplexity.dense)} dense, ${describePerplexity(perplexity.pruned)} pruned (${counted(perplexity.windows, 'window')} of ${perplexity.window} tokens)`,
  );
  const { kl, topOne, bySeed, mean, min, max } = perplexity;
  if (bySeed && bySeed.length > 1)
    lines.push(
      `seeds       mean ${figure(mean, describePerplexity)}, from ${figure(min, describePerplexity)} to ${figure(max, describePerplexity)} over ${bySeed.length} calibration draws`,
    );
  if (typeof kl === 'number' && typeof topOne === 'number')
    lines.push(
      `divergence  ${nats(kl)} nats (KL from the dense model), ${percent(topOne)} of the first choices are the same`,
    );
  if (report.exported)
    lines.push(
      `exported    GGUF, matrices in ${report.exported.type}: perplexity ${describePerplexity(report.exported.perplexity)}`,
    );
  if (report.structured) {
    const { heads, channels, parameters, bytes } = report.structured;
    lines.push(
      `smaller     ${parameters.after} of ${parameters.before} parameters, ${bytes.after} of ${bytes.before} bytes (gone from every layer: key/value heads ${heads[0]?.length ?? 0}, channels ${channels[0]?.length ?? 0})`,
    );
  }
  const last = errors?.layers[errors.layers.length - 1];
  if (last?.cumulative != null && last.dense)
    lines.push(
      `error       ${percent(last.cumulative / last.dense)} of the last layer's output, squared (${errors?.text} text, ${errors?.kind})`,
    );
  lines.push(...describeWork(report.timings), ...describeMemory(report.memory));
  return `${lines.join('\n')}\n`;
}

/** What the GPU was asked for in the run, the sweep before it left out; nothing for reports that did not count it. */
function describeWork(timings: RunReport['timings']): string[] {
  const stages = Object.entries(timings).flatMap(([name, t]) => (name.startsWith('sweep') ? [] : [t]));
  const sum = (key: keyof WorkCount): number => stages.reduce((total, t) => total + (t[key] ?? 0), 0);
  if (sum('dispatches') === 0) return [];
  return [
    `work        ${sum('dispatches')} dispatches in ${counted(sum('submits'), 'submit')}, ${counted(sum('readbacks'), 'readback')}, ${counted(sum('cpuStages'), 'step')} on the CPU; ${(sum('flops') / 1e9).toPrecision(3)} GFLOP, ${(sum('bytes') / 1e9).toPrecision(3)} GB`,
  ];
}

/** Nothing for reports that were not counted. */
function describeMemory({ peakBytes, predictedBytes, predictedHostBytes: host }: MemoryRecord): string[] {
  if (peakBytes === 0) return [];
  const onHost = host ? host.streams + host.kept + host.solver : 0;
  const beside = onHost > 0 ? `; about ${megabytes(onHost)} MB beside it on the host` : '';
  return [
    `memory      ${megabytes(peakBytes)} MB of the GPU at the peak (planned: ${megabytes(predictedBytes)} MB)${beside}`,
  ];
}

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** A table of a layer's matrices. */
export function describeLayer({ layer, model, inputs, matrices }: LayerRecord): string {
  const heads = ['zeros', 'asked', 'local error', 'dead rows', 'dead cols', 'threshold'];
  const row = (name: string, cells: readonly string[]): string =>
    `${name.padEnd(10)}${cells.map((cell) => cell.padStart(14)).join('')}\n`;
  const rows = matrices.map((m) =>
    row(m.name, [
      percent(m.zeros / m.count),
      figure(m.requested, percent),
      figure(m.error, (x) => x.toPrecision(4)),
      `${m.dead.rows} of ${m.rows}`,
      `${m.dead.cols} of ${m.cols}`,
      describeThreshold(m.scores.threshold),
    ]),
  );
  const head = `layer ${layer} of ${model.layers} (the first is 0): local error of the calibration text, ${inputs.text.tokens} tokens behind ${inputs.prefix} layers\n`;
  return `${head}${row('', heads)}${rows.join('')}`;
}

function describeThreshold(threshold: MatrixRecord['scores']['threshold']): string {
  if (threshold === null) return '-';
  return (threshold.unit === 'matrix' ? threshold.value : threshold.median).toPrecision(4);
}
