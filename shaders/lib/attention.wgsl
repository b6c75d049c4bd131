// Shared by the attention kernels. A chunk is a run of (sequence, head) pairs and, in each, a run of queries;
// its scores are [pairs, chunk queries, keyStride].
struct Params {
  pairBegin: u32,
  pairs: u32,
  queryBegin: u32,
  queryEnd: u32,
  // Queries and keys of one sequence; the key rows of the next one begin kvStride rows later.
  queries: u32,
  keys: u32,
  kvStride: u32,
  heads: u32,
  kvHeads: u32,
  headDim: u32,
  // Position of query 0: query i sees the keys of positions up to its own, positionBegin + i, and of these the last
  // `window` (0xffffffff: all).
  positionBegin: u32,
  window: u32,
  // The first key that a dispatch of scores computes.
  keyBegin: u32,
  keyStride: u32,
  scale: f32,
  // 0: none.
  softcap: f32,
  // Queries of one tile: the softmax clears the scores that a tile reads outside a row's own keys.
  tile: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

// The keys that a query sees: firstKey(query) up to, not with, visibleKeys(query).
fn visibleKeys(query: u32) -> u32 {
  return min(params.keys, params.positionBegin + query + 1u);
}

fn firstKey(query: u32) -> u32 {
  let position = params.positionBegin + query + 1u;
  return position - min(position, params.window);
}

// First element of a head in row `query` of a sequence of q, and in row `key` of k or v.
fn queryAt(pair: u32, query: u32) -> u32 {
  let batch = pair / params.heads;
  return ((batch * params.queries + query) * params.heads + pair % params.heads) * params.headDim;
}

fn keyAt(pair: u32, key: u32) -> u32 {
  let batch = pair / params.heads;
  let kvHead = pair % params.heads / (params.heads / params.kvHeads);
  return ((batch * params.kvStride + key) * params.kvHeads + kvHead) * params.headDim;
}

// The scores that the tile of `query` reads, whole vec4.
fn tileBegin(query: u32) -> u32 {
  let first = (query - params.queryBegin) / params.tile * params.tile;
  return firstKey(params.queryBegin + first) & ~3u;
}

fn tileEnd(query: u32) -> u32 {
  let last = (query - params.queryBegin) / params.tile * params.tile + params.tile - 1u;
  return (visibleKeys(min(params.queryEnd - 1u, params.queryBegin + last)) + 3u) & ~3u;
}

fn scoreRow(pair: u32, query: u32) -> u32 {
  return pair * (params.queryEnd - params.queryBegin) + query - params.queryBegin;
}
