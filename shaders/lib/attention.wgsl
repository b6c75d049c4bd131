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
  // Position of query 0: query i sees keys 0..positionBegin + i.
  positionBegin: u32,
  keyStride: u32,
  scale: f32,
  // Queries of one tile: the softmax clears the scores that a tile reads beyond a row's own last key.
  tile: u32,
}
@group(0) @binding(0) var<uniform> params: Params;

fn visibleKeys(query: u32) -> u32 {
  return min(params.keys, params.positionBegin + query + 1u);
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

// End of the scores that the tile of `query` reads.
fn tileEnd(query: u32) -> u32 {
  let last = (query - params.queryBegin) / params.tile * params.tile + params.tile - 1u;
  return (visibleKeys(min(params.queryEnd - 1u, params.queryBegin + last)) + 3u) & ~3u;
}

fn scoreRow(pair: u32, query: u32) -> u32 {
  return pair * (params.queryEnd - params.queryBegin) + query - params.queryBegin;
}
