// Index of a workgroup in a one-dimensional grid that was folded into two dimensions (see foldGrid).
fn linearWorkgroup(id: vec3u, count: vec3u) -> u32 {
  return id.y * count.x + id.x;
}
