/**
 * The part of verifyExport.ts about archives: unpacks each matrix and holds it against the record. It shares no code
 * with the writers.
 */
import { sha256Stream } from './sha256';
import type { ExportedFolder } from './verifyExport';

/** What pruning.json says of an archive. */
export interface ArchiveRecord {
  format: string;
  /** SHA-256 of the dense bytes of each matrix. */
  dense: Record<string, unknown>;
}

export interface PackedTensor {
  path: string;
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

const WIDTHS: Record<string, number> = { F32: 4, F16: 2, BF16: 2 };

/** The dense matrix `name`, or one sentence on what does not hold. */
export async function unpackMatrix(
  folder: ExportedFolder,
  tensors: ReadonlyMap<string, PackedTensor>,
  format: string,
  name: string,
): Promise<{ dense: Uint8Array; dtype: string; shape: number[]; sha256: string } | string> {
  const stem = name.endsWith('.weight') ? name.slice(0, -'.weight'.length) : name;
  const pairs = format === 'sparse-24-bitmask';
  const part = (as: string): PackedTensor | undefined => tensors.get(`${stem}.${as}`);
  const read = async ({ path, begin, end }: PackedTensor): Promise<DataView> => {
    const bytes = await folder.read(path, begin, end);
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  const [shapeAt, valuesAt, maskAt, offsetsAt] = ['shape', 'compressed', 'bitmask', 'row_offsets'].map(part);
  if (!shapeAt || !valuesAt || !maskAt || (!offsetsAt && !pairs)) return `${name}: a part of it is missing`;
  const width = Object.hasOwn(WIDTHS, valuesAt.dtype) ? WIDTHS[valuesAt.dtype] : undefined;
  const types = shapeAt.dtype === 'I64' && maskAt.dtype === 'U8' && (pairs || offsetsAt?.dtype === 'I64');
  if (!width || !types || shapeAt.end - shapeAt.begin !== 16) return `${name}: its parts have other types`;
  const dims = await read(shapeAt);
  const [rows, cols] = [Number(dims.getBigInt64(0, true)), Number(dims.getBigInt64(8, true))];
  const stride = Math.ceil(cols / 8);
  const values = (valuesAt.end - valuesAt.begin) / width;
  if (String(maskAt.shape) !== String([rows, stride]))
    return `${name}: its bitmask has the shape [${String(maskAt.shape)}]`;
  if (String(valuesAt.shape) !== String(pairs ? [rows, cols / 2] : [values]))
    return `${name}: its values have the shape [${String(valuesAt.shape)}]`;
  if (!pairs && offsetsAt && String(offsetsAt.shape) !== String([rows]))
    return `${name}: its row offsets have the shape [${String(offsetsAt.shape)}]`;

  const mask = await read(maskAt);
  const kept = await read(valuesAt);
  const offsets = !pairs && offsetsAt ? await read(offsetsAt) : null;
  const dense = new Uint8Array(rows * cols * width);
  let next = 0;
  for (let r = 0; r < rows; r++) {
    if (offsets && Number(offsets.getBigInt64(8 * r, true)) !== next)
      return `${name}: the offset of row ${r} is not the number of weights before it`;
    let inGroup = 0;
    for (let c = 0; c < stride * 8; c++) {
      const bit = (mask.getUint8(r * stride + (c >>> 3)) >>> (c % 8)) & 1;
      if (c >= cols) {
        if (bit) return `${name}: padding of the bitmask is set in row ${r}`;
        continue;
      }
      inGroup += bit;
      if (pairs && c % 4 === 3) {
        if (inGroup !== 2) return `${name}: ${inGroup} of four weights are kept in row ${r}`;
        inGroup = 0;
      }
      if (!bit) continue;
      if (next >= values) return `${name}: the bitmask keeps more weights than there are`;
      for (let b = 0; b < width; b++) dense[(r * cols + c) * width + b] = kept.getUint8(next * width + b);
      next++;
    }
  }
  if (next !== values) return `${name}: the bitmask keeps ${next} weights, there are ${values}`;
  const hash = await sha256Stream();
  hash.update(dense);
  return { dense, dtype: valuesAt.dtype, shape: [rows, cols], sha256: hash.finish() };
}

/** What does not hold in config.json: it must say how its weights are packed, and how many of them are zero. */
export async function archiveConfigFaults(
  folder: ExportedFolder,
  { format }: ArchiveRecord,
  achieved: number | null,
): Promise<string[]> {
  let said: Record<string, unknown> | undefined;
  try {
    const bytes = await folder.read('config.json', 0, await folder.size('config.json'));
    const config = JSON.parse(new TextDecoder().decode(bytes)) as {
      quantization_config?: { sparsity_config?: Record<string, unknown> };
    } | null;
    said = config?.quantization_config?.sparsity_config;
  } catch {
    said = undefined;
  }
  const faults: string[] = [];
  if (said?.['format'] !== format)
    faults.push(`config.json: the format is ${String(said?.['format'])}, the report says ${format}`);
  if (achieved !== null && Math.abs(Number(said?.['global_sparsity']) - achieved) > 1e-12)
    faults.push(
      `config.json: the sparsity is ${String(said?.['global_sparsity'])}, the report says ${achieved}`,
    );
  return faults;
}
