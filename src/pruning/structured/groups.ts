/**
 * What goes together when a decoder loses structure: a head (rows of q, k and v, columns of o) and an MLP channel (row
 * of gate and of up, column of down). With grouped-query attention the unit is a key/value head with its queries: one
 * query head alone could not go, since every key/value head serves the same number of them.
 *
 * All that a group computes leaves it through its columns of o or down. Where these are zero its biases are without
 * effect too, so that zeroing a group and removing it give the same outputs. The exception are norms over the width of
 * all heads (`normsOverHeads`), which divide by the number of channels.
 */
import type { DecoderConfig } from '../../models/archs/define';

export type GroupKind = 'heads' | 'channels';

/** The lines (rows or columns) of one matrix that belong to groups: `perGroup` for each, in order. */
export interface GroupMember {
  matrix: string;
  axis: 'rows' | 'cols';
  perGroup: number;
  /** Line of the matrix for the i-th line of the groups. */
  line(i: number): number;
}

export interface GroupFamily {
  kind: GroupKind;
  count: number;
  members: readonly GroupMember[];
}

/** Groups of one block; every block has the same. */
export function groupFamilies(config: DecoderConfig): readonly [heads: GroupFamily, channels: GroupFamily] {
  const { heads, kvHeads, headDim, inner } = config;
  const queries = (heads / kvHeads) * headDim;
  return [
    {
      kind: 'heads',
      count: kvHeads,
      members: [
        ...outputs(config, 'q', queries),
        ...outputs(config, 'k', headDim),
        ...outputs(config, 'v', headDim),
        ...inputs('o', queries),
      ],
    },
    {
      kind: 'channels',
      count: inner,
      members: [...outputs(config, 'gate', 1), ...outputs(config, 'up', 1), ...inputs('down', 1)],
    },
  ];
}

/** Whether queries or keys are normalised over the width of all heads: masked heads then still count as channels. */
export function normsOverHeads({ norms, headDim }: DecoderConfig): boolean {
  return [norms.q, norms.k].some((width) => width !== undefined && width !== headDim);
}

/** Rows of the matrix of this name, or of the part of a fused one; none where the architecture has neither. */
function outputs(config: DecoderConfig, name: string, perGroup: number): GroupMember[] {
  for (const matrix of config.matrices) {
    const part = matrix.parts?.find((p) => p.name === name);
    if (part) {
      const line = (i: number): number =>
        part.begin + Math.floor(i / part.block) * part.stride + (i % part.block);
      return [{ matrix: matrix.name, axis: 'rows', perGroup, line }];
    }
    if (matrix.name === name) return [{ matrix: name, axis: 'rows', perGroup, line: (i) => i }];
  }
  return [];
}

function inputs(matrix: string, perGroup: number): GroupMember[] {
  return [{ matrix, axis: 'cols', perGroup, line: (i) => i }];
}

/** Lines of each matrix that go with these groups, ascending. */
export function removedLines(
  family: GroupFamily,
  groups: readonly number[],
): { matrix: string; axis: 'rows' | 'cols'; lines: number[] }[] {
  return family.members.map(({ matrix, axis, perGroup, line }) => ({
    matrix,
    axis,
    lines: groups
      .flatMap((g) => Array.from({ length: perGroup }, (_, i) => line(g * perGroup + i)))
      .sort((a, b) => a - b),
  }));
}
