// Attention in one go, for hardware: 32 queries of one head per workgroup go through their keys 32 at a time with an
// online softmax (Milakov and Gimelshein 2018, Dao et al. 2022): a running maximum and sum per query, what was added
// before is scaled down when the maximum grows. No scores leave the workgroup. Needs headDim % 4 == 0, at most 256.
@group(0) @binding(1) var<storage, read> q: array<vec4f>;
@group(0) @binding(2) var<storage, read> k: array<vec4f>;
@group(0) @binding(3) var<storage, read> v: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>;

// An invocation keeps 2 queries x COLUMNS vec4 of the output: 32 COLUMNS >= headDim.
override COLUMNS = 2u;

const LOWEST = -3.4028234e38;
// In turn: 32 queries and 32 keys, a row's 4 vec4 in 5 so that neighbours fall into different banks; 8 values, whole.
const STRIDE = 5u;
const KEYS_AT = 160u;
var<workgroup> stage: array<vec4f, 512>;
// Scores, then weights, [query, key].
const ROW = 33u;
var<workgroup> weights: array<f32, 1056>;
var<workgroup> highestPart: array<f32, 128>;
var<workgroup> sumPart: array<f32, 128>;
// By query: what scales the sums so far, at the end 1 / sum.
var<workgroup> factor: array<f32, 32>;

fn isSeen(query: u32, key: u32) -> bool {
  return key >= firstKey(query) && key < visibleKeys(query);
}

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let queryTile = params.queryBegin + group.x * 32u;
  let pair = params.pairBegin + group.z;
  let width = params.headDim / 4u;
  let lastQuery = min(queryTile + 32u, params.queryEnd) - 1u;
  let end = visibleKeys(lastQuery);
  // Scores of 2 queries x 4 keys, and the same queries' output.
  let row = lane / 8u;
  let column = lane % 8u;
  // One vec4 of a query and of a key; rows past an edge repeat the last one.
  let fetchRow = lane / 4u;
  let fetchAt = lane % 4u;
  let queryFrom = queryAt(pair, min(queryTile + fetchRow, lastQuery)) / 4u;
  // A quarter of a query's keys in the softmax; the four invocations of a query hold the same maximum and sum.
  let query = min(queryTile + fetchRow, lastQuery);
  var highest = LOWEST;
  var sum = 0.0;
  var acc0: array<vec4f, 8>;
  var acc1: array<vec4f, 8>;

  for (var key0 = firstKey(queryTile); key0 < end; key0 += 32u) {
    let keyFrom = keyAt(pair, min(key0 + fetchRow, end - 1u)) / 4u;
    var s0 = vec4f(0.0);
    var s1 = vec4f(0.0);
    for (var begin = 0u; begin < width; begin += 4u) {
      let at = begin + fetchAt;
      workgroupBarrier();
      if (at < width) {
        stage[fetchRow * STRIDE + fetchAt] = q[queryFrom + at];
        stage[KEYS_AT + fetchRow * STRIDE + fetchAt] = k[keyFrom + at];
      } else {
        stage[fetchRow * STRIDE + fetchAt] = vec4f(0.0);
        stage[KEYS_AT + fetchRow * STRIDE + fetchAt] = vec4f(0.0);
      }
      workgroupBarrier();
      for (var i = 0u; i < 4u; i += 1u) {
        let a0 = stage[row * STRIDE + i];
        let a1 = stage[(row + 16u) * STRIDE + i];
        let b0 = stage[KEYS_AT + column * STRIDE + i];
        let b1 = stage[KEYS_AT + (column + 8u) * STRIDE + i];
        let b2 = stage[KEYS_AT + (column + 16u) * STRIDE + i];
        let b3 = stage[KEYS_AT + (column + 24u) * STRIDE + i];
        s0 += vec4f(dot(a0, b0), dot(a0, b1), dot(a0, b2), dot(a0, b3));
        s1 += vec4f(dot(a1, b0), dot(a1, b1), dot(a1, b2), dot(a1, b3));
      }
    }
    s0 *= params.scale;
    s1 *= params.scale;
    if (params.softcap != 0.0) {
      s0 = softcapped4(s0, params.softcap);
      s1 = softcapped4(s1, params.softcap);
    }
    for (var j = 0u; j < 4u; j += 1u) {
      weights[row * ROW + column + j * 8u] = s0[j];
      weights[(row + 16u) * ROW + column + j * 8u] = s1[j];
    }
    workgroupBarrier();

    var top = highest;
    for (var j = 0u; j < 8u; j += 1u) {
      let key = fetchAt * 8u + j;
      if (isSeen(query, key0 + key)) {
        top = max(top, weights[fetchRow * ROW + key]);
      }
    }
    highestPart[lane] = top;
    workgroupBarrier();
    for (var part = 0u; part < 4u; part += 1u) {
      top = max(top, highestPart[fetchRow * 4u + part]);
    }
    var added = 0.0;
    for (var j = 0u; j < 8u; j += 1u) {
      let key = fetchAt * 8u + j;
      var e = 0.0;
      if (isSeen(query, key0 + key)) {
        e = exp(weights[fetchRow * ROW + key] - top);
      }
      weights[fetchRow * ROW + key] = e;
      added += e;
    }
    sumPart[lane] = added;
    let scaleDown = exp(highest - top);
    if (fetchAt == 0u) {
      factor[fetchRow] = scaleDown;
    }
    highest = top;
    workgroupBarrier();
    sum *= scaleDown;
    for (var part = 0u; part < 4u; part += 1u) {
      sum += sumPart[fetchRow * 4u + part];
    }

    let f0 = factor[row];
    let f1 = factor[row + 16u];
    for (var c = 0u; c < COLUMNS; c += 1u) {
      acc0[c] *= f0;
      acc1[c] *= f1;
    }
    for (var chunk = 0u; chunk < 32u && key0 + chunk < end; chunk += 8u) {
      let key = key0 + chunk + lane / 16u;
      let valueFrom = keyAt(pair, min(key, end - 1u)) / 4u;
      workgroupBarrier();
      for (var at = lane % 16u; at < width; at += 16u) {
        // A weight of 0 does not undo a value that is not finite.
        stage[lane / 16u * width + at] = select(vec4f(0.0), v[valueFrom + at], key < end);
      }
      workgroupBarrier();
      for (var i = 0u; i < 8u; i += 1u) {
        let w0 = weights[row * ROW + chunk + i];
        let w1 = weights[(row + 16u) * ROW + chunk + i];
        for (var c = 0u; c < COLUMNS; c += 1u) {
          // Columns past the edge repeat the last one and are not stored.
          let value = stage[i * width + min(column + c * 8u, width - 1u)];
          acc0[c] += w0 * value;
          acc1[c] += w1 * value;
        }
      }
    }
  }

  workgroupBarrier();
  if (fetchAt == 0u) {
    factor[fetchRow] = 1.0 / sum;
  }
  workgroupBarrier();
  for (var c = 0u; c < COLUMNS; c += 1u) {
    let at = column + c * 8u;
    if (at < width && queryTile + row <= lastQuery) {
      out[queryAt(pair, queryTile + row) / 4u + at] = acc0[c] * factor[row];
    }
    if (at < width && queryTile + row + 16u <= lastQuery) {
      out[queryAt(pair, queryTile + row + 16u) / 4u + at] = acc1[c] * factor[row + 16u];
    }
  }
}
