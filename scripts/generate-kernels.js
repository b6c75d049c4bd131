/**
 * Writes the tile families whose accumulators must be separate names (an array indexed in a loop is slow on software
 * adapters): `node scripts/generate-kernels.js`. The files are committed; a test generates them again and compares.
 */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const range = (n) => Array.from({ length: n }, (_, i) => i);
const lines = (n, line) => range(n).map(line).join('\n');
const HEADER = '// Written by scripts/generate-kernels.js; change it there.\n';

/** `var s0_0 = 0.0; …` for a tile, one line per row. */
function zeroTile(rows, cols) {
  return lines(
    rows,
    (r) =>
      '  ' +
      range(cols)
        .map((c) => `var s${r}_${c} = 0.0;`)
        .join(' '),
  );
}

/** The named sums of a tile as an array of rows, for the one loop that stores them. */
function packTile(rows, cols) {
  const row = (r) =>
    `    array<f32, ${cols}>(${range(cols)
      .map((c) => `s${r}_${c}`)
      .join(', ')})`;
  return `  let tile = array<array<f32, ${cols}>, ${rows}>(\n${range(rows).map(row).join(',\n')},\n  );`;
}

/** Column j of the tile: every row's vector times b<j>. */
const addDots = (rows, j, vector) =>
  range(rows)
    .map((r) => `s${r}_${j} += dot(${vector}${r}, b${j});`)
    .join(' ');

/** The same for halves: four products are summed as halves, their sum joins the f32. */
const addHalfDots = (rows, j) =>
  range(rows)
    .map((r) => `s${r}_${j} += f32(dot(v${r}, b${j}));`)
    .join(' ');

/**
 * Stores the tile row by row: a whole row goes out without a test per element (a quarter of the time where k is
 * small), and one copy of the code keeps compilation short.
 */
function storeTile(rows, cols, rowStep) {
  return `${packTile(rows, cols)}
  let count = min(${cols}u, params.colEnd - column);
  for (var r = 0u; r < ${rows}u && row + r * ${rowStep}u < params.rowEnd; r += 1u) {
    var t = tile[r];
    let at = outAt(row + r * ${rowStep}u, column);
    if (params.hasBias + params.accumulate != 0u) {
      for (var j = 0u; j < count; j += 1u) {
        t[j] = finished(column + j, at + j, t[j]);
      }
    }
    if (count == ${cols}u) {
${lines(cols, (c) => `      out[at + ${c}u] = t[${c}];`)}
    } else {
      for (var j = 0u; j < count; j += 1u) {
        out[at + j] = t[j];
      }
    }
  }`;
}

/** Lanes are rows of x; `lanes` of them fetch the weight rows once for all and broadcast them. */
function matmulSubgroup({ lanes, outputs, rows, workgroup }) {
  const share = outputs / lanes;
  return `${HEADER}// y = x W^T for software adapters with subgroups of at least ${lanes} lanes: each invocation keeps ${rows} rows x ${outputs} outputs in
// registers; the ${outputs} weight rows are loaded once per subgroup and broadcast. Needs k % 4 == 0, a workgroup (${workgroup}) that
// whole subgroups fill, and no early return: a broadcast wants every lane.
enable subgroups;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(${workgroup})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * ${workgroup * rows}u + lane;
  let column = params.colBegin + group.x * ${outputs}u;
  // Rows past an edge repeat the last one and are not stored.
  let lastRow = params.rowEnd - 1u;
  let lastColumn = params.colEnd - 1u;
  let fetch = column + (subLane & ${lanes - 1}u) * ${share}u;
${lines(rows, (r) => `  let x${r} = min(row + ${r * workgroup}u, lastRow) * k4;`)}
${lines(share, (i) => `  let w${i} = min(fetch + ${i}u, lastColumn) * k4;`)}
${zeroTile(rows, outputs)}
  for (var k = 0u; k < k4; k += 1u) {
${lines(share, (i) => `    let f${i} = weight4(weight[w${i} + k]);`)}
${lines(rows, (r) => `    let v${r} = x[x${r} + k];`)}
${lines(
  outputs,
  (j) =>
    `    let b${j} = subgroupBroadcast(f${j % share}, ${Math.floor(j / share)}u);\n    ${addDots(rows, j, 'v')}`,
)}
  }
${storeTile(rows, outputs, workgroup)}
}
`;
}

/** A register tile per invocation, without subgroups or workgroup memory. */
function matmulDot({ rows, outputs, workgroup }) {
  return `${HEADER}// y = x W^T for software adapters without subgroups: each invocation keeps ${rows} rows x ${outputs} outputs in registers.
// Needs k % 4 == 0.
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(${workgroup})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * ${workgroup * rows}u + lane;
  let column = params.colBegin + group.x * ${outputs}u;
  if (row >= params.rowEnd) {
    return;
  }
  // Rows past an edge repeat the last one and are not stored.
  let lastRow = params.rowEnd - 1u;
  let lastColumn = params.colEnd - 1u;
${lines(rows, (r) => `  let x${r} = min(row + ${r * workgroup}u, lastRow) * k4;`)}
${lines(outputs, (j) => `  let w${j} = min(column + ${j}u, lastColumn) * k4;`)}
${zeroTile(rows, outputs)}
  for (var k = 0u; k < k4; k += 1u) {
${lines(rows, (r) => `    let v${r} = x[x${r} + k];`)}
${lines(outputs, (j) => `    let b${j} = weight4(weight[w${j} + k]);\n    ${addDots(rows, j, 'v')}`)}
  }
${storeTile(rows, outputs, workgroup)}
}
`;
}

/**
 * Tiles of x and of the weight through workgroup memory, `steps` vec4 of k at a time, for hardware. The next stage is on
 * its way from memory while this one is multiplied. With `half` the tiles are f16: half the traffic of workgroup
 * memory and twice the rate of products where the device has it; sums of four products join an f32.
 */
function matmulStaged({ rows, cols, laneRows, laneCols, steps, half = false }) {
  const across = cols / laneCols;
  const down = rows / laneRows;
  const lanes = across * down;
  const fetchRows = lanes / steps;
  const xFetches = rows / fetchRows;
  const wFetches = cols / fetchRows;
  const vector = half ? 'vec4h' : 'vec4f';
  const what = half
    ? 'x and f16 weights rounded to halves, sums in f32. Overflows beyond 65504'
    : 'f32 throughout';
  return `${HEADER}// y = x W^T on hardware, ${what}: a ${rows} x ${cols} output tile per workgroup, k in steps of ${steps * 4} through workgroup memory,
// ${laneRows} x ${laneCols} outputs per invocation; the next step is fetched while this one is multiplied. Needs k % 4 == 0.
${half ? 'enable f16;\n' : ''}@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

// A row takes one vec4 more than it has, so that neighbours fall into different banks.
const STRIDE = ${steps + 1}u;
var<workgroup> xTile: array<${vector}, ${rows * (steps + 1)}>;
var<workgroup> wTile: array<${vector}, ${cols * (steps + 1)}>;

fn xAt(begin: u32, k: u32) -> ${vector} {
  if (k >= params.k / 4u) {
    return ${vector}();
  }
  return ${half ? 'vec4h(x[begin + k])' : 'x[begin + k]'};
}

fn wAt(begin: u32, k: u32) -> ${vector} {
  if (k >= params.k / 4u) {
    return ${vector}();
  }
  return ${half ? 'vec4h(weight4(weight[begin + k]))' : 'weight4(weight[begin + k])'};
}

@compute @workgroup_size(${lanes})
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let k4 = params.k / 4u;
  let row0 = params.rowBegin + group.y * ${rows}u;
  let column0 = params.colBegin + group.x * ${cols}u;
  // What this invocation brings: rows past the edge repeat the last one.
  let fetchRow = lane / ${steps}u;
  let fetchK = lane % ${steps}u;
  let slot = fetchRow * STRIDE + fetchK;
${lines(xFetches, (f) => `  let x${f} = min(row0 + fetchRow + ${f * fetchRows}u, params.rowEnd - 1u) * k4;\n  var p${f} = xAt(x${f}, fetchK);`)}
${lines(wFetches, (f) => `  let w${f} = min(column0 + fetchRow + ${f * fetchRows}u, params.colEnd - 1u) * k4;\n  var q${f} = wAt(w${f}, fetchK);`)}
  // What it computes: rows down + ${down} i, columns across + ${across} j.
  let across = lane % ${across}u;
  let down = lane / ${across}u;
  let a = down * STRIDE;
  let b = across * STRIDE;
${zeroTile(laneRows, laneCols)}
  for (var begin = 0u; begin < k4; begin += ${steps}u) {
${lines(xFetches, (f) => `    xTile[slot + ${f * fetchRows}u * STRIDE] = p${f};`)}
${lines(wFetches, (f) => `    wTile[slot + ${f * fetchRows}u * STRIDE] = q${f};`)}
    workgroupBarrier();
    let next = begin + ${steps}u + fetchK;
${lines(xFetches, (f) => `    p${f} = xAt(x${f}, next);`)}
${lines(wFetches, (f) => `    q${f} = wAt(w${f}, next);`)}
    for (var s = 0u; s < ${steps}u; s += 1u) {
${lines(laneRows, (r) => `      let v${r} = xTile[a + ${r * down}u * STRIDE + s];`)}
${lines(laneCols, (j) => `      let b${j} = wTile[b + ${j * across}u * STRIDE + s];\n      ${half ? addHalfDots(laneRows, j) : addDots(laneRows, j, 'v')}`)}
    }
    workgroupBarrier();
  }
${packTile(laneRows, laneCols)}
  for (var r = 0u; r < ${laneRows}u; r += 1u) {
    let t = tile[r];
    for (var j = 0u; j < ${laneCols}u; j += 1u) {
      put(row0 + down + r * ${down}u, column0 + across + j * ${across}u, t[j]);
    }
  }
}
`;
}

/** Lanes are columns, `laneCols` each; one row of x per lane is fetched and broadcast: no barrier, whole lines stored. */
function matmulSubgroupColumns({ rows, laneCols, workgroup }) {
  return `${HEADER}// y = x W^T on hardware with subgroups of at least ${rows} lanes, of any sizes: ${rows} rows x ${laneCols} columns per invocation; the rows of
// x are loaded once per subgroup and broadcast, neighbouring lanes store neighbouring columns. Needs k % 4 == 0, a
// workgroup (${workgroup}) that whole subgroups fill, and no early return: a broadcast wants every lane.
enable subgroups;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read> weight: array<W4>;

@compute @workgroup_size(${workgroup})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let k4 = params.k / 4u;
  let row = params.rowBegin + group.y * ${rows}u;
  let column = params.colBegin + group.x * ${workgroup * laneCols}u + lane;
  // Rows and columns past an edge repeat the last one and are not stored.
  let fetch = min(row + (subLane & ${rows - 1}u), params.rowEnd - 1u) * k4;
${lines(laneCols, (c) => `  let w${c} = min(column + ${c * workgroup}u, params.colEnd - 1u) * k4;`)}
${zeroTile(laneCols, rows)}
  for (var k = 0u; k < k4; k += 1u) {
    let f = x[fetch + k];
${lines(laneCols, (c) => `    let v${c} = weight4(weight[w${c} + k]);`)}
${lines(rows, (j) => `    let b${j} = subgroupBroadcast(f, ${j}u);\n    ${addDots(laneCols, j, 'v')}`)}
  }
${packTile(laneCols, rows)}
  for (var c = 0u; c < ${laneCols}u; c += 1u) {
    let t = tile[c];
    for (var j = 0u; j < ${rows}u; j += 1u) {
      put(row + j, column + c * ${workgroup}u, t[j]);
    }
  }
}
`;
}

/** Stores a tile of scores, [query + r * step, key + c]; whole rows without a test per element. */
function storeScores(rows, cols, step) {
  return `${packTile(rows, cols)}
  let count = min(${cols}u, params.keys - key);
  for (var r = 0u; r < ${rows}u && query + r * ${step}u <= lastQuery; r += 1u) {
    let t = tile[r];
    let at = scoreRow(id.z, query + r * ${step}u) * params.keyStride + key;
    if (count == ${cols}u) {
${lines(cols, (c) => `      scores[at + ${c}u] = t[${c}] * params.scale;`)}
    } else {
      for (var j = 0u; j < count; j += 1u) {
        scores[at + j] = t[j] * params.scale;
      }
    }
  }`;
}

const SCORE_BINDINGS = `@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> scores: array<f32>;`;

const VALUE_BINDINGS = `@group(0) @binding(1) var<storage, read> scores: array<vec4f>;
@group(0) @binding(2) var<storage, read> inverse: array<f32>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;`;

/** 8 queries x 8 keys per invocation. */
function attentionScores() {
  const n = 8;
  return `${HEADER}// scores = q k^T * scale, ${n} queries x ${n} keys per invocation in registers; tiles without a visible key are skipped and
// keep old values, which nobody reads. Needs headDim % 4 == 0.
${SCORE_BINDINGS}

override WIDTH = 8u;
override HEIGHT = 8u;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x * ${n}u;
  let key = params.keyBegin + id.y * ${n}u;
  if (query >= params.queryEnd) {
    return;
  }
  let lastQuery = min(query + ${n}u, params.queryEnd) - 1u;
  if (key >= visibleKeys(lastQuery) || key + ${n}u <= firstKey(query)) {
    return;
  }
  let pair = params.pairBegin + id.z;
  let width = params.headDim / 4u;
  // Rows past an edge repeat the last one and are not stored.
  let lastKey = params.keys - 1u;
${lines(n, (r) => `  let q${r} = queryAt(pair, min(query + ${r}u, lastQuery)) / 4u;`)}
${lines(n, (j) => `  let k${j} = keyAt(pair, min(key + ${j}u, lastKey)) / 4u;`)}
${zeroTile(n, n)}
  for (var d = 0u; d < width; d += 1u) {
${lines(n, (r) => `    let a${r} = q[q${r} + d];`)}
${lines(n, (j) => `    let b${j} = k[k${j} + d];\n    ${addDots(n, j, 'a')}`)}
  }
${storeScores(n, n, 1)}
}
`;
}

/** Lanes are queries, 8 each; the 16 keys of the tile are loaded once per subgroup and broadcast. */
function attentionScoresSubgroup({ lanes, rows, keys }) {
  const share = keys / lanes;
  return `${HEADER}// scores = q k^T * scale for software adapters whose subgroups have ${lanes} lanes: ${rows} queries x ${keys} keys per invocation in
// registers, keys loaded once per subgroup. Needs headDim % 4 == 0; a workgroup is one subgroup.
enable subgroups;
${SCORE_BINDINGS}

@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let queryTile = params.queryBegin + id.x * ${lanes * rows}u;
  let key = params.keyBegin + id.y * ${keys}u;
  let lastQuery = min(queryTile + ${lanes * rows}u, params.queryEnd) - 1u;
  // The same for every lane, so returning before the broadcasts is allowed.
  if (key >= visibleKeys(lastQuery) || key + ${keys}u <= firstKey(queryTile)) {
    return;
  }
  let query = queryTile + lane;
  let pair = params.pairBegin + id.z;
  let width = params.headDim / 4u;
  // Rows past an edge repeat the last one and are not stored.
  let lastKey = params.keys - 1u;
  let fetch = key + subLane * ${share}u;
${lines(rows, (r) => `  let q${r} = queryAt(pair, min(query + ${r * lanes}u, lastQuery)) / 4u;`)}
${lines(share, (i) => `  let k${i} = keyAt(pair, min(fetch + ${i}u, lastKey)) / 4u;`)}
${zeroTile(rows, keys)}
  for (var d = 0u; d < width; d += 1u) {
${lines(share, (i) => `    let f${i} = k[k${i} + d];`)}
${lines(rows, (r) => `    let a${r} = q[q${r} + d];`)}
${lines(keys, (j) => `    let b${j} = subgroupBroadcast(f${j % share}, ${Math.floor(j / share)}u);\n    ${addDots(rows, j, 'a')}`)}
  }
${storeScores(rows, keys, lanes)}
}
`;
}

/** Stores [query + r * step] rows of `cols` vec4, divided by the row's sum. */
function storeValues(rows, cols, step) {
  const row = (r) =>
    `    array<vec4f, ${cols}>(${range(cols)
      .map((c) => `s${r}_${c}`)
      .join(', ')})`;
  return `  let tile = array<array<vec4f, ${cols}>, ${rows}>(
${range(rows).map(row).join(',\n')},
  );
  for (var r = 0u; r < ${rows}u && query + r * ${step}u <= lastQuery; r += 1u) {
    let t = tile[r];
    let weight = inverse[scoreRow(id.z, query + r * ${step}u)];
    let at = queryAt(pair, query + r * ${step}u) / 4u + column;
${lines(cols, (c) => `    if (column + ${c}u < width) {\n      out[at + ${c}u] = t[${c}] * weight;\n    }`)}
  }`;
}

const zeroVectors = (rows, cols) =>
  lines(
    rows,
    (r) =>
      '  ' +
      range(cols)
        .map((c) => `var s${r}_${c} = vec4f(0.0);`)
        .join(' '),
  );

/** 8 queries x 8 columns of a head per invocation. */
function attentionValues() {
  const n = 8;
  return `${HEADER}// out = scores v / sum(scores), ${n} queries x 8 columns (two vec4) per invocation in registers. Needs headDim % 4 == 0.
${VALUE_BINDINGS}

override WIDTH = 8u;
override HEIGHT = 8u;

@compute @workgroup_size(WIDTH, HEIGHT)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let query = params.queryBegin + id.x * ${n}u;
  let width = params.headDim / 4u;
  let column = id.y * 2u;
  if (query >= params.queryEnd || column >= width) {
    return;
  }
  let second = min(column + 1u, width - 1u);
  let lastQuery = min(query + ${n}u, params.queryEnd) - 1u;
  let pair = params.pairBegin + id.z;
  let stride4 = params.keyStride / 4u;
  let lastKey = params.keys - 1u;
  let end = (visibleKeys(lastQuery) + 3u) / 4u;
${lines(n, (r) => `  let p${r} = scoreRow(id.z, min(query + ${r}u, lastQuery)) * stride4;`)}
${zeroVectors(n, 2)}
  for (var k4 = firstKey(query) / 4u; k4 < end; k4 += 1u) {
${lines(n, (r) => `    let e${r} = scores[p${r} + k4];`)}
${lines(4, (i) => {
  const c = 'xyzw'[i];
  return `    let at${i} = keyAt(pair, min(k4 * 4u + ${i}u, lastKey)) / 4u;
    let a${i} = v[at${i} + column];
    let b${i} = v[at${i} + second];
${lines(n, (r) => `    s${r}_0 += e${r}.${c} * a${i}; s${r}_1 += e${r}.${c} * b${i};`)}`;
})}
  }
${storeValues(n, 2, 1)}
}
`;
}

/** Lanes are queries, 8 each; four keys x 16 columns of v are loaded once per subgroup, one key per lane. */
function attentionValuesSubgroup({ rows }) {
  const lanes = 4;
  const cols = 4;
  return `${HEADER}// out = scores v / sum(scores) for software adapters whose subgroups have ${lanes} lanes: ${rows} queries x ${cols * 4} columns (${cols} vec4)
// per invocation in registers, v loaded once per subgroup. Needs headDim % 4 == 0; a workgroup is one subgroup.
enable subgroups;
${VALUE_BINDINGS}

@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_invocation_id) subLane: u32,
) {
  let queryTile = params.queryBegin + id.x * ${lanes * rows}u;
  let query = queryTile + lane;
  let width = params.headDim / 4u;
  let column = id.y * ${cols}u;
  let lastQuery = min(queryTile + ${lanes * rows}u, params.queryEnd) - 1u;
  let pair = params.pairBegin + id.z;
  let stride4 = params.keyStride / 4u;
  let lastKey = params.keys - 1u;
  let end = (visibleKeys(lastQuery) + 3u) / 4u;
${lines(cols, (c) => `  let c${c} = min(column + ${c}u, width - 1u);`)}
${lines(rows, (r) => `  let p${r} = scoreRow(id.z, min(query + ${r * lanes}u, lastQuery)) * stride4;`)}
${zeroVectors(rows, cols)}
  for (var k4 = firstKey(queryTile) / 4u; k4 < end; k4 += 1u) {
    let at = keyAt(pair, min(k4 * 4u + subLane, lastKey)) / 4u;
${lines(cols, (c) => `    let f${c} = v[at + c${c}];`)}
${lines(rows, (r) => `    let e${r} = scores[p${r} + k4];`)}
${lines(lanes, (i) =>
  lines(
    cols,
    (c) =>
      `    let b${i}_${c} = subgroupBroadcast(f${c}, ${i}u);\n    ${range(rows)
        .map((r) => `s${r}_${c} += e${r}.${'xyzw'[i]} * b${i}_${c};`)
        .join(' ')}`,
  ),
)}
  }
${storeValues(rows, cols, lanes)}
}
`;
}

/** File name to WGSL text of every generated kernel. */
export function generateKernels() {
  return {
    'attentionScores.wgsl': attentionScores(),
    'attentionValues.wgsl': attentionValues(),
    'attentionScoresSg4.wgsl': attentionScoresSubgroup({ lanes: 4, rows: 8, keys: 16 }),
    'attentionValuesSg4.wgsl': attentionValuesSubgroup({ rows: 8 }),
    'matmulDot8x8.wgsl': matmulDot({ rows: 8, outputs: 8, workgroup: 4 }),
    'matmulSg4x8.wgsl': matmulSubgroup({ lanes: 4, outputs: 16, rows: 8, workgroup: 8 }),
    'matmulSg4x2.wgsl': matmulSubgroup({ lanes: 4, outputs: 16, rows: 2, workgroup: 8 }),
    'matmulSg8x2.wgsl': matmulSubgroup({ lanes: 8, outputs: 16, rows: 2, workgroup: 32 }),
    'matmulTile128x64.wgsl': matmulStaged({ rows: 128, cols: 64, laneRows: 8, laneCols: 8, steps: 4 }),
    'matmulTile64x64.wgsl': matmulStaged({ rows: 64, cols: 64, laneRows: 8, laneCols: 4, steps: 4 }),
    'matmulTile32x32.wgsl': matmulStaged({ rows: 32, cols: 32, laneRows: 4, laneCols: 4, steps: 8 }),
    'matmulHalf.wgsl': matmulStaged({ rows: 128, cols: 64, laneRows: 8, laneCols: 8, steps: 4, half: true }),
    'matmulSubgroup.wgsl': matmulSubgroupColumns({ rows: 16, laneCols: 4, workgroup: 64 }),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'shaders');
  for (const [name, text] of Object.entries(generateKernels())) writeFileSync(join(folder, name), text);
}
