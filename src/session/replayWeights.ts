/** The exact share of a replay: zeros of the weights as they would be exported now, against those of an earlier export. */
import { DTYPE_BYTES } from '../core/dtypes';
import { LabError } from '../core/errors';
import type { LabSpec } from '../core/spec';
import type { TensorEntry } from '../formats/safetensors';
import { decodedBytes, tensorPieces } from '../formats/tensorBytes';
import { MaskedLayer, type PrunedLayer } from '../pruning/masks';
import { fileWeight } from './fileLayout';
import type { JobIo, Lab } from './lab';
import type { ZeroDifferences } from './replay';

/**
 * Counts, in every prunable matrix, the weights that are zero in one of the two models only. `exported` are the tensors
 * of the earlier export; one matrix of this model is on the host at a time. FormatError when the tensors are not those
 * of this model.
 */
export async function compareZeros(
  lab: Lab,
  spec: LabSpec,
  beta: number,
  exported: ReadonlyMap<string, TensorEntry>,
  io: JobIo,
): Promise<ZeroDifferences> {
  const { engine, plan } = lab.loaded;
  return lab.withRecorder(io, 'Comparing with the stored run', async (rec, meter) => {
    const state = await lab.masks(spec, beta, rec, meter);
    const scope = lab.ctx.root.child();
    try {
      const masked = new MaskedLayer(lab.ctx, scope, engine.model);
      await scope.ready();
      const out: ZeroDifferences = {};
      let inUse = -1;
      for (const { name, layer, matrix, count, transposed } of plan.prunable) {
        if (layer !== inUse) await masked.use(rec, layer, state.layers[layer] as PrunedLayer);
        inUse = layer;
        const weight = await masked.masked(rec, matrix);
        const bytes = await fileWeight(rec, weight, transposed);
        const entry = exported.get(name);
        const width = entry && DTYPE_BYTES[entry.dtype];
        if (!entry || !width || decodedBytes(entry) !== count * width) {
          throw new LabError(
            'FormatError',
            `${name} of the earlier export is not a matrix of this model.`,
            'Compare with an export of the same model.',
          );
        }
        const now = zeroFinder(bytes, DTYPE_BYTES[weight.dtype]);
        let differing = 0;
        for await (const piece of tensorPieces(entry, io.signal)) {
          const before = zeroFinder(piece.bytes, width);
          const first = piece.offset / width;
          for (let i = 0; i < piece.bytes.byteLength / width; i++)
            if (before(i) !== now(first + i)) differing++;
        }
        out[name] = { differing, count };
      }
      return out;
    } finally {
      scope.close();
    }
  });
}

/** Whether weight i of little-endian floats is +0 or -0. */
function zeroFinder(bytes: Uint8Array, width: number): (i: number) => boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return width === 2
    ? (i) => (view.getUint16(i * 2, true) & 0x7fff) === 0
    : (i) => (view.getUint32(i * 4, true) & 0x7fffffff) === 0;
}
