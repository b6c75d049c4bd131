// @ts-check
// docs/performance.md: the prose of bench/performance.md with tables of what the benchmark stored.

/**
 * @typedef {{ name: string, version: string, medianMs: number | null, error?: string, processor?: boolean }} Peer
 * @typedef {import('../../src/bench/row').BenchRow & { file: string, peer?: Peer }} Row
 * @typedef {import('../../src/core/speed').SpeedRecord} SpeedRecord
 * @typedef {{ rows: Row[], speeds: SpeedRecord[] }} Measured
 */

/** @param {number | null | undefined} x */
const figure = (x, digits = 3) =>
  x === null || x === undefined
    ? ''
    : Math.abs(x) >= 10 ** digits
      ? x.toFixed(0)
      : Number(x.toPrecision(digits)).toString();
/** @param {number} x */
const percent = (x) => `${(100 * x).toFixed(x < 0.1 ? 1 : 0)} %`;
/** @param {number | null | undefined} ms */
const time = (ms) =>
  ms === null || ms === undefined ? '' : ms >= 1000 ? `${figure(ms / 1000)} s` : `${figure(ms)} ms`;

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows
 */
export function table(head, rows) {
  if (rows.length === 0) return 'Not measured yet.';
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((c) => c.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Newest last: of rows with one suite, case and device the newest counts. @param {readonly Row[]} rows */
export function newest(rows) {
  /** @type {Map<string, Row>} */
  const kept = new Map();
  for (const row of rows) {
    const key = [row.suite, row.case, row.device, row.peer?.name ?? ''].join('\n');
    kept.delete(key);
    kept.set(key, row);
  }
  return [...kept.values()];
}

/** @param {readonly Row[]} rows */
const own = (rows) => rows.filter((row) => !row.peer && row.suite !== 'counts');

/** @param {readonly Row[]} rows */
const several = (rows) => new Set(rows.map((row) => row.device)).size > 1;

/** The device in front where there is more than one. @param {readonly Row[]} rows @param {Row} row */
const named = (rows, row) => (several(rows) ? `${row.device}: ${row.case}` : row.case);

/** @param {Measured} measured */
function devices({ rows }) {
  /** @type {Map<string, Set<string>>} */
  const files = new Map();
  for (const row of rows) {
    if (row.suite === 'counts') continue;
    files.set(row.device, (files.get(row.device) ?? new Set()).add(row.file));
  }
  return [...files]
    .map(
      ([device, names]) =>
        `- ${device}: ${[...names].map((n) => `[${n.split('/').at(-1)}](../${n})`).join(', ')}`,
    )
    .join('\n');
}

/** Everything that was compared with something in its own run. @param {Measured} measured */
function goals({ rows }) {
  const compared = own(rows).filter((row) => row.ratio && row.suite !== 'methods');
  return table(
    ['what', 'measured', 'by the clock', 'by processor time', 'goal', ''],
    compared.map((row) => {
      const { to, value, cpu, goal, better, met } = row.ratio ?? { to: '', value: NaN };
      return [
        `${row.suite}: ${named(compared, row)}`,
        `${time(row.medianMs)} (${time(row.p10Ms)} to ${time(row.p90Ms)})`,
        `${value.toFixed(2)} of ${to}`,
        cpu === undefined ? '' : cpu.toFixed(2),
        goal === undefined ? '' : `at ${better === 'more' ? 'least' : 'most'} ${goal}`,
        met === undefined ? '' : met ? 'met' : 'missed',
      ];
    }),
  );
}

/** @param {Measured} measured */
function work({ rows }) {
  const counted = own(rows).filter((row) => row.work);
  return table(
    [
      'what',
      'time',
      'dispatches a layer',
      'submits',
      'readbacks',
      'CPU stages',
      'GFLOP',
      'GB',
      'limit',
      'share',
    ],
    counted.map((row) => [
      named(counted, row),
      time(row.medianMs),
      figure(row.work?.dispatchesPerLayer),
      String(row.work?.submits),
      String(row.work?.readbacks),
      String(row.work?.cpuStages),
      figure((row.flops ?? 0) / 1e9),
      figure((row.bytes ?? 0) / 1e9),
      time(row.work?.limitMs),
      row.roofline ? `${percent(row.roofline.share)} (${row.roofline.bound})` : '',
    ]),
  );
}

/** @param {Measured} measured */
function gpuTime({ rows }) {
  const timed = own(rows).filter((row) => Object.values(row.families ?? {}).some((f) => f.share !== null));
  return table(
    ['what', 'GPU time by family of kernels'],
    timed.map((row) => [
      named(timed, row),
      Object.entries(row.families ?? {})
        .flatMap(([name, { share }]) =>
          share !== null && share >= 0.005 ? [`${name} ${percent(share)}`] : [],
        )
        .join(', '),
    ]),
  );
}

/** Cases whose last part names one of several kernels for the same work. */
const VARIANTS =
  /^(?<what>(?:matmul|attention|rmsNorm|layerNorm|select rows|column energy) .*), (?<variant>[^,]+)$/;

/** @param {Measured} measured */
function kernels({ rows }) {
  const all = own(rows).filter((row) => row.suite === 'kernels' && row.medianMs !== null);
  /** @type {Map<string, { what: string, rows: Row[] }>} */
  const groups = new Map();
  for (const row of all) {
    const what = VARIANTS.exec(row.case)?.groups?.['what'] ?? row.case;
    const key = `${row.device}\n${what}`;
    const group = groups.get(key) ?? { what, rows: [] };
    group.rows.push(row);
    groups.set(key, group);
  }
  const variant = (/** @type {Row} */ row) => VARIANTS.exec(row.case)?.groups?.['variant'] ?? '';
  const ms = (/** @type {Row} */ row) => row.medianMs ?? Infinity;
  return table(
    ['what', 'quickest', 'time', 'GFLOPS', 'GB/s', 'of the roofline', 'others, in its times'],
    [...groups.values()].flatMap(({ what, rows: group }) => {
      const [best, ...rest] = group.sort((a, b) => ms(a) - ms(b));
      if (!best) return [];
      return [
        [
          several(all) ? `${best.device}: ${what}` : what,
          variant(best),
          time(best.medianMs),
          figure(best.gflops),
          figure(best.gbps),
          best.roofline ? `${percent(best.roofline.share)} (${best.roofline.bound})` : '',
          rest.map((row) => `${variant(row)} ${figure(ms(row) / ms(best), 2)}`).join(', '),
        ],
      ];
    }),
  );
}

/** @param {Measured} measured */
function peers({ rows }) {
  const beside = rows.filter((row) => row.peer);
  const list = table(
    ['what', 'ours', 'peer', 'peer’s time', 'peer ÷ ours'],
    beside.map((row) => [
      named(beside, row),
      row.error ?? time(row.medianMs),
      `${row.peer?.name} ${row.peer?.version}${row.peer?.processor ? ' (processor)' : ''}`,
      row.peer?.error ?? time(row.peer?.medianMs),
      row.peer?.medianMs && row.medianMs ? figure(row.peer.medianMs / row.medianMs, 2) : '',
    ]),
  );
  const lost = beside.filter((row) => row.peer?.medianMs && row.medianMs && row.peer.medianMs < row.medianMs);
  if (beside.length === 0) return list;
  const words = lost.map((row) => {
    const times = (row.medianMs ?? NaN) / (row.peer?.medianMs ?? NaN);
    return `- ${named(beside, row)}: ${row.peer?.name} ${row.peer?.version}${row.peer?.processor ? ', on the processor,' : ''} takes ${figure(1 / times, 2)} of our time (${figure(times, 2)} times as fast).`;
  });
  return words.length === 0
    ? `${list}\n\nNo peer that ran here is quicker.`
    : `${list}\n\n**Where a peer is quicker here, and should be used for that alone:**\n\n${words.join('\n')}`;
}

/** @param {Measured} measured */
function expected({ rows }) {
  const derived = rows.filter((row) => row.expected);
  const [first] = derived;
  const names = first?.expected?.map(({ device }) => device.name) ?? [];
  const times = table(
    ['what', 'dispatches', 'submits', 'readbacks', 'GFLOP', 'GB', ...names],
    derived.map((row) => [
      row.case,
      String(row.work?.dispatches),
      String(row.work?.submits),
      String(row.work?.readbacks),
      figure((row.flops ?? 0) / 1e9),
      figure((row.bytes ?? 0) / 1e9),
      ...names.map((name) => {
        const e = row.expected?.find(({ device }) => device.name === name);
        return e ? `${time(e.ms)} (${e.most})` : '';
      }),
    ]),
  );
  if (!first) return times;
  const assumed = table(
    ['device', 'f32 TFLOPS', 'GB/s', 'a dispatch', 'a round trip'],
    (first.expected ?? []).map(({ device: d }) => [d.name, String(d.tflops), String(d.gbps), `${d.dispatchUs} µs`, time(d.roundTripMs)]), // prettier-ignore
  );
  const shares = Object.entries(first.assumed ?? {}).map(
    ([name, { compute, memory }]) => `${name} ${percent(compute)} of the arithmetic and ${percent(memory)} of the bandwidth`, // prettier-ignore
  );
  return `${times}\n\nIn brackets: the largest part of the time. Taken for granted:\n\n${assumed}\n\nShares of these that kernels are taken to reach: ${shares.join('; ')}.`;
}

/** @param {Measured} measured */
function methods({ rows }) {
  const measured = own(rows).filter((row) => row.suite === 'methods');
  return table(
    ['what', 'time', 'GFLOPS', 'in units of', 'where it went'],
    measured.map((row) => [
      named(measured, row),
      row.error ?? time(row.medianMs),
      figure(row.gflops),
      row.ratio ? `${row.ratio.value.toFixed(2)} of ${row.ratio.to}` : '',
      Object.entries(row.parts ?? {})
        .map(([step, ms]) => `${step} ${time(ms)}`)
        .join(', '),
    ]),
  );
}

/** @param {Measured} measured */
function speed({ speeds }) {
  return speeds
    .map((record) => {
      const { model, device, protocol, dense, variants } = record;
      const name = device.description || device.architecture;
      const about = `${model.name} on ${name}: a prompt of ${protocol.promptTokens} tokens, ${protocol.tokens} decoded, ${protocol.reps} runs after ${protocol.warmup}; a copy kernel reaches ${figure(record.copyBandwidth / 1e9)} GB/s.`;
      const line = (/** @type {string} */ what, /** @type {typeof dense} */ row) => {
        const { median, low, high } = row.decode;
        return [
          what,
          row.format,
          `${figure(median)} (${figure(low)} to ${figure(high)})`,
          ((row.memoryBytes ?? 0) / 1e6).toFixed(2),
          row.speedUp.toFixed(2),
          row.limit.toFixed(2),
          row.sameTokens ? `${row.sameTokens.same} of ${row.sameTokens.of}` : '',
        ];
      };
      const lines = variants.flatMap(({ name: what, rows }) => rows.map((row) => line(what, row)));
      const list = table(
        [
          'pruning',
          'format',
          'tokens/s (quartiles)',
          'MB',
          'against dense',
          'allowed by bytes',
          'same tokens',
        ],
        [line('none', dense), ...lines],
      );
      return `${about}\n\n${list}`;
    })
    .join('\n\n');
}

/** @type {Record<string, (measured: Measured) => string>} */
const PARTS = { devices, goals, work, gpuTime, kernels, peers, expected, methods, speed };

/**
 * The page: every `{{part}}` of the template in its place. Throws for one that there is not.
 * @param {string} template
 * @param {Measured} measured
 */
export function performancePage(template, measured) {
  const rows = newest(measured.rows);
  return template.replace(/\{\{(\w+)\}\}/g, (_, /** @type {string} */ name) => {
    const part = PARTS[name];
    if (!part)
      throw new Error(`the template asks for {{${name}}}; there are ${Object.keys(PARTS).join(', ')}`);
    return part({ ...measured, rows });
  });
}
