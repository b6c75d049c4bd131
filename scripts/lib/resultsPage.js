// @ts-check
// docs/results.md from stored comparisons: tables, and verdicts on the published orderings, computed from the figures.

/**
 * @typedef {{ ratio: number, low: number | null, high: number | null, distinguishable: boolean }} Interval
 * @typedef {{ perplexity: number | null, bySeed?: { seed: number, perplexity: number | null }[], mean?: number | null, min?: number | null, max?: number | null, kl: number | null }} Figures
 * @typedef {{ key: string, status: 'done' | 'failed' | 'skipped', pruner: string, allocation: string, sparsity: number, beta: number | null, zeros: number, count: number, perplexity: { select: Figures, report: Figures }, paired?: { select: Interval | null, report: Interval | null }, cost: { ms: number, modelPasses: number }, search?: { trials: { beta?: number, perplexity: number | null, best: number | null, ms: number }[] }, error?: { message: string }, fallback?: string }} Row
 * @typedef {{ version: string, model: { name: string, layers: number, parameters: number, dtype: string }, device: { description: string, vendor: string, software: boolean }, texts: Record<'calibration' | 'select' | 'report', { source: string, windows: number, window: number }>, dense: Record<'select' | 'report', { perplexity: number | null }>, spec: { base: { seed: number, seeds?: number[] } }, rows: Row[], warnings: string[] }} Comparison
 * @typedef {{ name: string, command: string, comparison: Comparison }} Stored
 * @typedef {{ allocations: Stored | null, low: Stored | null, pruners: Stored | null, reversed: (Stored | null)[] }} Measured
 * @typedef {{ verdict: 'holds' | 'does not hold' | 'not decided' | 'not measured', why: string }} Verdict
 */

/** Where little differs, where it begins, and where much does. */
const [LOW, MID, HIGH] = [0.5, 0.6, 0.7];

/** @param {number | null | undefined} x */
const figure = (x) =>
  x === null ? 'diverged' : x === undefined ? '' : x >= 1e5 ? x.toExponential(2) : x.toPrecision(4);
/** @param {number} x */
const change = (x) => `${x >= 1 ? '+' : '−'}${(100 * Math.abs(x - 1)).toFixed(1)} %`;
/** @param {Interval | null | undefined} i */
const interval = (i) =>
  !i
    ? ''
    : `${change(i.ratio)}${i.low === null || i.high === null ? '' : ` (${change(i.low)} to ${change(i.high)})`}`;
/** @param {Row} row */
const allocationOf = ({ key, allocation }) => key.split(' ')[1] ?? allocation;
/** @param {Row} row */
const score = ({ perplexity: { report } }) =>
  report.bySeed ? (report.mean ?? Infinity) : (report.perplexity ?? Infinity);

/**
 * @param {Stored | null | undefined} stored
 * @param {Partial<Row>} like
 */
function find(stored, like) {
  return stored?.comparison.rows.find(
    (row) =>
      row.status === 'done' &&
      Object.entries(like).every(([k, v]) => row[/** @type {keyof Row} */ (k)] === v),
  );
}

/**
 * The rows of ATP, the low sparsity first.
 * @param {Measured} m
 */
const atpRows = ({ low, allocations }) => [
  find(low, { allocation: 'atp', sparsity: LOW }),
  find(low, { allocation: 'atp', sparsity: MID }),
  find(allocations, { allocation: 'atp', sparsity: HIGH }),
];

/** @type {Verdict} */
const NOT_MEASURED = { verdict: 'not measured', why: 'a row that it needs is missing' };

/**
 * (a) Moderate increasing schedules beat uniform at high sparsity, little difference at 0.5.
 * @param {Measured} measured
 * @returns {Verdict}
 */
export function increasingBeatsUniform(measured) {
  const rows = atpRows(measured).map((row) => row?.paired?.report ?? null);
  if (rows.some((row) => row === null)) return NOT_MEASURED;
  const [half, ...high] = /** @type {Interval[]} */ (rows);
  const why = [LOW, MID, HIGH].map((s, i) => `${s}: ${interval(rows[i])}`).join('; ');
  if (high.some((row) => row.ratio >= 1)) return { verdict: 'does not hold', why };
  const clear = high.every((row) => row.distinguishable);
  const most = Math.max(...high.map((row) => 1 - row.ratio));
  if (!half || Math.abs(1 - half.ratio) >= most)
    return {
      verdict: clear ? 'does not hold' : 'not decided',
      why: `${why}; the difference at 0.5 is not smaller`,
    };
  return { verdict: clear ? 'holds' : 'not decided', why };
}

/**
 * (b) Global collapses first.
 * @param {Measured} m
 * @returns {Verdict}
 */
export function globalCollapsesFirst({ allocations }) {
  const own = find(allocations, { allocation: 'global', sparsity: HIGH });
  if (!allocations || !own) return NOT_MEASURED;
  const rows = allocations.comparison.rows.filter((row) => row.status === 'done' && row.sparsity === HIGH);
  const worst = rows.reduce((a, b) => (score(b) > score(a) ? b : a));
  const why = `worst at ${HIGH}: ${worst.allocation} (${figure(score(worst))}); global ${figure(score(own))}`;
  return { verdict: worst.allocation === 'global' ? 'holds' : 'does not hold', why };
}

/**
 * (c) SparseGPT < Wanda < magnitude at high sparsity.
 * @param {Measured} m
 * @returns {Verdict}
 */
export function orderOfPruners({ pruners }) {
  const rows = ['sparsegpt', 'wanda', 'magnitude'].map((pruner) => find(pruners, { pruner, sparsity: HIGH }));
  const [s, w, g] = rows;
  if (!s || !w || !g) return NOT_MEASURED;
  const why = `${rows.map((row) => `${row?.pruner} ${figure(row && score(row))}`).join(', ')}; against wanda: sparsegpt ${interval(s.paired?.report)}, magnitude ${interval(g.paired?.report)}`;
  if (!(score(s) < score(w) && score(w) < score(g))) return { verdict: 'does not hold', why };
  return {
    verdict: s.paired?.report?.distinguishable && g.paired?.report?.distinguishable ? 'holds' : 'not decided',
    why,
  };
}

/**
 * (d) A valley in beta: the best is neither 0 nor the steepest.
 * @param {Measured} measured
 * @returns {Verdict}
 */
export function valleyInBeta(measured) {
  const parts = atpRows(measured).map((row) => {
    const betas = (row?.search?.trials ?? []).map((t) => t.beta ?? 0);
    return row && betas.length > 2
      ? {
          sparsity: row.sparsity,
          beta: row.beta ?? 0,
          inside: row.beta !== Math.min(...betas) && row.beta !== Math.max(...betas),
        }
      : null;
  });
  if (parts.some((part) => part === null)) return NOT_MEASURED;
  const known = parts.flatMap((part) => part ?? []);
  const why = known
    .map((p) => `${p.sparsity}: best beta ${p.beta}${p.inside ? '' : ', an end of the grid'}`)
    .join('; ');
  const inside = known.filter((p) => p.inside).length;
  return { verdict: inside === known.length ? 'holds' : inside === 0 ? 'does not hold' : 'not decided', why };
}

/**
 * (e) The reversed schedule is clearly worse than uniform.
 * @param {Measured} m
 * @returns {Verdict}
 */
export function reversedIsWorse({ reversed }) {
  const rows = reversed.map((stored) =>
    stored?.comparison.rows.find((row) => row.status === 'done' && (row.beta ?? 0) < 0),
  );
  if (rows.some((row) => !row?.paired?.report)) return NOT_MEASURED;
  const intervals = rows.map((row) => /** @type {Interval} */ (row?.paired?.report));
  const why = rows
    .map((row, i) => `${row?.sparsity}, beta ${row?.beta}: ${interval(intervals[i])}`)
    .join('; ');
  if (intervals.some((i) => i.ratio <= 1)) return { verdict: 'does not hold', why };
  return { verdict: intervals.every((i) => i.distinguishable) ? 'holds' : 'not decided', why };
}

/** What was published beside each; LLaMA models, WikiText-2. */
const ORDERINGS = [
  {
    claim: '(a) Moderate increasing schedules beat uniform at S ≥ 0.6, little difference at 0.5',
    paper:
      'ATP (arXiv 2502.14770): LLaMA-2-7B with Wanda at 70 %, perplexity 52.10 below uniform; spread across blocks small at low S, large at high S',
    test: increasingBeatsUniform,
  },
  {
    claim: '(b) Global collapses first',
    paper:
      'LLaMA-7B with Wanda at 70 % (poster of DSA): Global 5147, ER-Plus 229.17, ER 112.03, uniform 81.18, OWL 24.54, DSA 22.60',
    test: globalCollapsesFirst,
  },
  {
    claim: '(c) SparseGPT < Wanda < magnitude at high S',
    paper: 'LLaMA-7B uniform at 70 % (OWL): SparseGPT 26.30, Wanda 85.77, magnitude 48419.12',
    test: orderOfPruners,
  },
  {
    claim: '(d) A valley in beta',
    paper: 'ATP, Figure 4, LLaMA-2-7B at 70 %: falls, then rises; every tested beta better than uniform',
    test: valleyInBeta,
  },
  {
    claim: '(e) The reversed schedule is clearly worse than uniform',
    paper: 'ATP, Theorem 3.5: increasing order is best',
    test: reversedIsWorse,
  },
];

/** @param {Stored} stored */
function rowsTable({ comparison }) {
  const lines = comparison.rows.map((row) => {
    const head = `| ${row.pruner} | ${allocationOf(row)} | ${row.sparsity} |`;
    if (row.status !== 'done')
      return `${head} ${row.status}: ${(row.error?.message ?? '').replaceAll('|', '\\|')} ||||||||`;
    const { select, report } = row.perplexity;
    const seeds = report.bySeed
      ? `${figure(report.mean)} (${figure(report.min)} to ${figure(report.max)})`
      : figure(report.perplexity);
    return `${head} ${row.beta === null ? '' : row.beta} | ${figure(select.bySeed ? select.mean : select.perplexity)} | ${seeds} | ${interval(row.paired?.report)} | ${figure(report.kl)} | ${(row.cost.ms / 1000).toFixed(0)} | ${row.cost.modelPasses.toFixed(1)} | ${row.zeros}${row.fallback === undefined ? '' : `, fell back: ${row.fallback}`} |`;
  });
  return [
    '| pruner | allocation | S | beta | select | report, mean (range over seeds) | against the first, 95 % | KL, nats | seconds | passes | zeros |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...lines,
  ].join('\n');
}

/** @param {Stored} stored */
function searchTable({ comparison }) {
  const rows = comparison.rows.filter((row) => row.status === 'done' && row.search);
  if (rows.length === 0) return '';
  const lines = rows.map((row) => {
    const trials = row.search?.trials ?? [];
    const last = trials.at(-1);
    return `| ${allocationOf(row)} | ${row.sparsity} | ${trials.length} | ${((last?.ms ?? 0) / 1000).toFixed(0)} | ${figure(last?.best)} | ${figure(row.perplexity.report.bySeed ? row.perplexity.report.mean : row.perplexity.report.perplexity)} |`;
  });
  return `\nSearches, with the budget that the command states. Paper: 18 minutes for ATP, about 33 hours for the Bayesian search, 2000 evaluations for DSA.\n\n| search | S | trials | seconds | best on select | report |\n| --- | --- | --- | --- | --- | --- |\n${lines.join('\n')}\n`;
}

/** @param {Measured} measured */
function modelSection(measured) {
  const first = measured.allocations ?? measured.pruners;
  if (!first) return '';
  const { model, device, texts, dense, spec, version, warnings } = first.comparison;
  /** @param {'calibration' | 'select' | 'report'} which */
  const text = (which) =>
    `${which} ${texts[which].source}, ${texts[which].windows} × ${texts[which].window} tokens`;
  const all = [measured.allocations, measured.low, measured.pruners, ...measured.reversed].flatMap(
    (s) => s ?? [],
  );
  return `## ${model.name}

${model.layers} layers, ${model.parameters} weights, ${model.dtype}. Engine ${version} on ${device.description || device.vendor}${device.software ? ' (software adapter: windows are small for that reason)' : ''}. Texts: ${text('calibration')}; ${text('select')}; ${text('report')}. Calibration seeds ${(spec.base.seeds ?? [spec.base.seed]).join(', ')}. Dense perplexity ${figure(dense.select.perplexity)} (select), ${figure(dense.report.perplexity)} (report).
${warnings.map((w) => `\n- ${w}`).join('')}

| ordering | paper | here | figures here: change of perplexity against uniform with Wanda, 95 % |
| --- | --- | --- | --- |
${ORDERINGS.map(({ claim, paper, test }) => {
  const { verdict, why } = test(measured);
  return `| ${claim} | ${paper} | **${verdict}** | ${why} |`;
}).join('\n')}

${measured.allocations ? `### Allocations, with Wanda\n\n${rowsTable(measured.allocations)}\n${searchTable(measured.allocations)}` : ''}
${measured.low ? `### At lower sparsities, with Wanda\n\n${rowsTable(measured.low)}\n` : ''}
${measured.pruners ? `### Pruners, uniform\n\n${rowsTable(measured.pruners)}\n` : ''}
Commands:

${all.map(({ command }) => `    ${command}`).join('\n')}
`;
}

/** @param {Measured[]} models */
export function resultsPage(models) {
  return `# Results

Made by \`npm run results\` from comparisons of the command line; the records are in \`docs/results/\`. Nothing on this page is written by hand: a verdict follows from the figures beside it. "Holds" asks that the paired 95 % interval over the windows of the report text holds no doubt; "not decided" has the right sign without that. What does not hold is a finding about these small models and short texts, or about the claim. The papers' figures are of other models, texts and window lengths: they are compared by order only.

${models.map(modelSection).filter(Boolean).join('\n')}`;
}
