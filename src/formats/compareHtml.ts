/** A comparison as one page that needs nothing else: table, charts, and what it was measured with. Pure. */
import {
  isDone,
  lastError,
  type Comparison,
  type ComparisonRow,
  type PairedInterval,
} from '../core/comparison';
import { counted, deviceName } from '../core/words';
import {
  errorByLayer,
  measuredSparsities,
  perplexityBySparsity,
  runningBest,
  sparsityByLayer,
  type Series,
} from './compareSeries';
import { colourClass, escapeText, lineChart, type LineChart } from './compareSvg';
import { hasSeeds, methodsOf } from './compareTable';

const percent = (x: number, digits = 0): string => `${(100 * x).toFixed(digits)} %`;
const figure = (x: number | null | undefined): string =>
  x === null ? 'diverged' : x === undefined ? '' : x >= 1e6 ? x.toExponential(2) : x.toPrecision(5);

export function compareHtml(comparison: Comparison): string {
  const { model, device, texts, spec, dense, version, warnings } = comparison;
  const facts: [string, string][] = [
    [
      'Model',
      `${model.name}, ${counted(model.layers, 'layer')}, ${model.parameters} weights, ${model.dtype}, SHA-256 ${model.sha256}`,
    ],
    ['Device', `${deviceName(device)} (${device.backend}${device.software ? ', software' : ''})`],
    ['Engine', `prunelab ${version}`],
    ...(['calibration', 'select', 'report'] as const).map((which): [string, string] => {
      const text = texts[which];
      return [
        `Text, ${which}`,
        `${text.source}, ${counted(text.windows, 'window')} of ${text.window} tokens`,
      ];
    }),
    ['Seeds', (spec.base.seeds ?? [spec.base.seed]).join(', ')],
    ['Statistics', spec.base.stats],
    [
      'Dense perplexity',
      `${figure(dense.select.perplexity)} (select), ${figure(dense.report.perplexity)} (report)`,
    ],
  ];
  const body = [
    `<h1>Pruning methods compared on ${escapeText(model.name)}</h1>`,
    `<dl>${facts.map(([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`).join('')}</dl>`,
    ...(warnings.length > 0 ? [`<ul>${warnings.map((w) => `<li>${escapeText(w)}</li>`).join('')}</ul>`] : []),
    tableMarkup(comparison),
    ...charts(comparison).map(figureMarkup),
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Pruning methods compared on ${escapeText(model.name)}</title><style>${STYLE}</style></head>
<body><main>${body.join('\n')}</main></body></html>
`;
}

/** Every chart that these rows can fill. */
function charts(comparison: Comparison): LineChart[] {
  const out: LineChart[] = [];
  const sparsities = measuredSparsities(comparison);
  if (sparsities.length > 1)
    out.push({
      title: 'Perplexity versus sparsity, report text',
      x: { name: 'sparsity' },
      y: { name: 'perplexity', scale: 'auto' },
      series: perplexityBySparsity(comparison, 'report'),
      ...(comparison.dense.report.perplexity !== null && {
        level: { value: comparison.dense.report.perplexity, name: 'dense' },
      }),
    });
  for (const sparsity of sparsities) {
    const at = `at sparsity ${percent(sparsity, Number.isInteger(Math.round(1e6 * sparsity) / 1e4) ? 0 : 1)}`;
    const searches = runningBest(comparison, sparsity);
    out.push(
      {
        title: `Sparsity per layer ${at}`,
        x: { name: 'layer', whole: true },
        y: { name: 'zeros', scale: 'linear', percent: true },
        series: sparsityByLayer(comparison, sparsity),
      },
      {
        title: `Cumulative error per layer ${at}, as a share of the dense output`,
        x: { name: 'layer', whole: true },
        y: { name: 'relative squared error', scale: 'auto' },
        series: errorByLayer(comparison, sparsity),
      },
    );
    if (searches.length > 0)
      out.push({
        title: `Running best of each search ${at}, select text`,
        x: { name: 'seconds since the entry began', log: true },
        y: { name: 'perplexity', scale: 'auto' },
        series: searches,
        steps: true,
      });
  }
  return out;
}

function figureMarkup(chart: LineChart): string {
  const key = ({ name, dash, ...style }: Series): string =>
    `<li class="${colourClass(style)}"><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M1 4H25"${dash ? ` stroke-dasharray="${dash}"` : ''}/></svg>${escapeText(name)}</li>`;
  const level = chart.level
    ? `<li class="c-level"><svg viewBox="0 0 26 8" aria-hidden="true"><path d="M1 4H25" stroke-dasharray="3 4"/></svg>${escapeText(chart.level.name)}</li>`
    : '';
  return `<figure><figcaption>${escapeText(chart.title)}</figcaption><ul class="keys">${chart.series.map(key).join('')}${level}</ul>${lineChart(chart)}</figure>`;
}

function tableMarkup(comparison: Comparison): string {
  const seeds = hasSeeds(comparison);
  const columns = [
    'pruner',
    'allocation',
    'sparsity',
    'beta',
    'select',
    'report',
    ...(seeds ? ['report, mean over seeds'] : []),
    'report against the first',
    'KL, nats',
    'last layer’s error',
    'seconds',
    'model passes',
    'zeros',
  ];
  const best = new Set(measuredSparsities(comparison).map((sparsity) => bestKey(comparison.rows, sparsity)));
  const rows = comparison.rows.map((row) => {
    const { pruner, allocation } = methodsOf(row);
    const head = `<th scope="row">${escapeText(pruner)}</th><th scope="row">${escapeText(allocation)}</th><td>${percent(row.sparsity, 1)}</td>`;
    if (!isDone(row))
      return `<tr class="undone">${head}<td class="reason" colspan="${columns.length - 3}">${row.status}: ${escapeText(row.error.message)}</td></tr>`;
    const { select, report } = row.perplexity;
    const error = lastError(row);
    const cells = [
      row.beta === null ? '' : row.beta.toFixed(5),
      figure(select.perplexity),
      figure(report.perplexity),
      ...(seeds
        ? [report.bySeed ? `${figure(report.mean)} (${figure(report.min)} to ${figure(report.max)})` : '']
        : []),
      paired(row.paired?.report),
      report.kl === null ? 'diverged' : report.kl.toPrecision(4),
      error === null ? 'diverged' : percent(error, 2),
      (row.cost.ms / 1000).toFixed(1),
      row.cost.modelPasses.toFixed(1),
      String(row.zeros),
    ];
    const note = row.fallback === undefined ? '' : ` title="${escapeText(row.fallback)}"`;
    return `<tr${best.has(row.key) ? ' class="best"' : ''}${note}>${head}${cells.map((cell) => `<td>${escapeText(cell)}</td>`).join('')}</tr>`;
  });
  return `<div class="scroll" tabindex="0" role="region" aria-label="All rows"><table><caption>Perplexities of the select and the report text; the ratio to the first row of a sparsity with its paired 95 % interval; cost of the whole entry, search included. The best of each sparsity on the report text is bold.</caption><thead><tr>${columns.map((c) => `<th scope="col">${escapeText(c)}</th>`).join('')}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>`;
}

function paired(interval: PairedInterval | null | undefined): string {
  if (!interval) return '';
  const change = (ratio: number): string =>
    `${ratio >= 1 ? '+' : '−'}${(100 * Math.abs(ratio - 1)).toFixed(1)} %`;
  const { ratio, low, high } = interval;
  return `${change(ratio)}${low === null || high === null ? '' : ` (${change(low)} to ${change(high)})`}`;
}

/** Key of the row with the smallest perplexity on the report text. */
export function bestKey(rows: readonly ComparisonRow[], sparsity: number): string | null {
  let best: { key: string; perplexity: number } | null = null;
  for (const row of rows.filter(isDone)) {
    const { bySeed, mean, perplexity: own } = row.perplexity.report;
    const perplexity = bySeed ? (mean ?? null) : own;
    if (row.sparsity === sparsity && perplexity !== null && (!best || perplexity < best.perplexity))
      best = { key: row.key, perplexity };
  }
  return best?.key ?? null;
}

const STYLE = `:root{color-scheme:light dark;--ink:light-dark(#191b1f,#eceef0);--mute:light-dark(#5a5f69,#a2abb5);--line:light-dark(#e4e2da,#2a2f35);--paper:light-dark(#fff,#181b1f);--best:light-dark(#14713a,#5fd78b)}
*{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}
main{max-width:76rem;margin:0 auto;padding:2rem 1.25rem 3rem;display:grid;grid-template-columns:repeat(auto-fit,minmax(min(30rem,100%),1fr));gap:1.5rem 2rem}
h1,dl,main>ul,.scroll{grid-column:1/-1;margin:0}h1{font-size:1.5rem;letter-spacing:-.02em}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:.25rem 1.5rem;font-size:.875rem}dt{color:var(--mute)}dd{margin:0;overflow-wrap:anywhere}
.scroll{overflow-x:auto;min-width:0}table{width:100%;border-collapse:collapse;font-size:.8125rem;font-variant-numeric:tabular-nums}caption{text-align:left;color:var(--mute);padding-bottom:.5rem}
th,td{padding:.25rem .625rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}th[scope=row]{text-align:left;font-weight:400}th{font-weight:600}thead th{white-space:normal;vertical-align:bottom}thead th:nth-child(-n+2){text-align:left}.best td,.best th{font-weight:650;color:var(--best)}.undone{color:var(--mute)}td.reason{text-align:left;white-space:normal}
figure{margin:0;min-width:0}figcaption{font-weight:600}figure svg[role=img]{width:100%;height:auto;display:block}
.keys{display:flex;flex-wrap:wrap;gap:.125rem .9rem;margin:.25rem 0;padding:0;list-style:none;font-size:.75rem;color:var(--mute)}.keys li{display:flex;align-items:center;gap:.375rem}.keys svg{width:26px;height:8px}
svg text{fill:var(--mute);font:11px system-ui,sans-serif}.grid{stroke:var(--line)}.axis{stroke:var(--mute)}.level,.c-level path{stroke:var(--mute);stroke-dasharray:3 4}
@media(max-width:40rem){figure svg text{font-size:18px}.y-name{display:none}}
svg path{fill:none;stroke:var(--c);stroke-width:2}svg circle{fill:var(--c)}
.c-uniform{--c:light-dark(#6f747d,#98a0aa)}.c-0{--c:light-dark(#0a6a70,#5cc9cc)}.c-1{--c:light-dark(#6d45d1,#b39dfb)}.c-2{--c:light-dark(#1d5fc4,#7fb0ff)}.c-3{--c:light-dark(#a3174a,#ff8fb3)}.c-4{--c:light-dark(#7a6200,#d9c04d)}.c-5{--c:light-dark(#14713a,#5fd78b)}.c-6{--c:light-dark(#8b5a2b,#d9a878)}.c-7{--c:light-dark(#4d6a8f,#93a9c6)}`;
