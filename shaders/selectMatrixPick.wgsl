// Between the histograms of a select over a whole matrix: chooses the digit, or starts, or ends. One workgroup.
struct Params {
  // 1: forget everything and start with `need`.
  begin: u32,
  need: u32,
  total: u32,
  level: u32,
  // 1: prune every key <= the need-th smallest. 0: prune exactly `need`, ties by lowest flat index.
  inclusive: u32,
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: State;

// need, done, prefix, indexPrefix
var<workgroup> known: vec4u;

fn finish(limit: u32, tieEnd: u32) {
  state.limit = limit;
  state.tieEnd = tieEnd;
  state.done = 1u;
}

fn start() {
  state.prefix = 0u;
  state.indexPrefix = 0u;
  state.need = params.need;
  state.done = 0u;
  if (params.need == 0u) {
    finish(0u, 0u);
  } else if (params.inclusive == 0u && params.need >= params.total) {
    finish(0xffffffffu, 0u);
  }
}

fn takeKeyDigit(pick: Pick, prefix: u32) {
  let next = extendPrefix(params.level, prefix, pick.bin);
  let end = (next + 1u) << digitShift(params.level);
  state.prefix = next;
  state.need = pick.need;
  let last = params.level == 3u;
  if (params.inclusive == 1u) {
    if (last && next == KEY_NAN) {
      // No score is <= NaN.
      finish(0u, 0u);
    } else if (last || (pick.count == pick.need && end <= KEY_INF)) {
      finish(end, 0u);
    }
  } else if (pick.count == pick.need) {
    finish(end, 0u);
  } else if (last) {
    state.limit = next;
  }
}

fn takeIndexDigit(pick: Pick, prefix: u32) {
  let next = (prefix << 8u) | pick.bin;
  state.indexPrefix = next;
  state.need = pick.need;
  if (params.level == 7u) {
    finish(state.prefix, next + 1u);
  }
}

@compute @workgroup_size(256)
fn main(@builtin(local_invocation_index) lane: u32) {
  let count = atomicExchange(&state.bins[lane], 0u);
  if (params.begin == 1u) {
    if (lane == 0u) {
      start();
    }
    return;
  }
  if (lane == 0u) {
    known = vec4u(state.need, state.done, state.prefix, state.indexPrefix);
  }
  let now = workgroupUniformLoad(&known);
  if (now.y == 1u) {
    return;
  }
  let pick = pickBin(lane, count, now.x);
  if (lane == 0u) {
    if (params.level < RADIX_LEVELS) {
      takeKeyDigit(pick, now.z);
    } else {
      takeIndexDigit(pick, now.w);
    }
  }
}
