import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { LabError } from '../../core/errors';
import { parseWindowsJson, decodeText } from '../../formats/texts';
import { safetensorsPrefix, type TensorSpec } from '../../formats/safetensorsWriter';
import { windowOutputs } from '../../session/logits';
import type { Command } from '../command';
import { oneModel } from '../flags';
import { checkFileTarget, makeFolder, readUserFile } from '../io';
import { openSession } from '../session';

/** For comparison with other implementations: everything the dense model gives for given ids. */
export const logitsCommand: Command = {
  name: 'logits',
  usage: 'logits <model> --ids F.json --out F.safetensors',
  summary: 'logits (and block outputs) of given windows of ids',
  flags: ['ids', 'out', 'layers', 'force'],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed);
    const idsPath = parsed.values.get('ids');
    const out = parsed.values.get('out');
    if (idsPath === undefined)
      throw new LabError(
        'SpecError',
        '--ids F.json is missing.',
        'Give {"windows": [[ids], …]} of equal lengths.',
      );
    if (out === undefined)
      throw new LabError('SpecError', '--out F.safetensors is missing.', 'Name the file to write.');
    await checkFileTarget('--out', out);
    if (!parsed.switches.has('force') && (await stat(out).catch(() => null))?.size) {
      throw new LabError(
        'SpecError',
        `--out ${out} is there already.`,
        'Choose another file, or add --force to replace it.',
      );
    }
    const idsText = decodeText(idsPath, await readUserFile(idsPath, 256 << 20));
    const session = await openSession(parsed, console, signal);
    try {
      const { lab } = session;
      await session.load(model);
      const { engine, plan } = lab.loaded;
      const { hidden, layers, vocabulary } = plan.config;
      const windows = parseWindowsJson(idsPath, idsText, plan.config);
      const length = windows[0]?.length ?? 0;
      if (windows.some((w) => w.length !== length))
        throw new LabError(
          'TextError',
          `${idsPath}: the windows have different lengths.`,
          'Give windows of equal lengths.',
        );
      const tensors: TensorSpec[] = [
        { name: 'logits', dtype: 'F32', shape: [windows.length, length, vocabulary] },
      ];
      if (parsed.switches.has('layers')) {
        for (let i = 0; i < layers; i++)
          tensors.push({ name: `layer.${i}`, dtype: 'F32', shape: [windows.length, length, hidden] });
      }
      await writeTensors(out, tensors, (write) =>
        lab.withRecorder(session.io, 'Running the model', async (rec, meter) => {
          meter.total(windows.length * length * layers);
          for (const [w, ids] of windows.entries()) {
            await windowOutputs(rec, engine, ids, {
              logits: (begin, values) => write('logits', (w * length + begin) * vocabulary, values),
              layer: (layer, values) => {
                meter.add(length);
                return parsed.switches.has('layers')
                  ? write(`layer.${layer}`, w * length * hidden, values)
                  : undefined;
              },
            });
          }
        }),
      );
      await finish(
        { file: resolve(out), tensors },
        `${tensors.map((t) => `${t.name} [${t.shape.join(', ')}]`).join('\n')}\n`,
      );
      return 0;
    } finally {
      session.close();
    }
  },
};

/** Tensors are written in place as they arrive; the file takes its name when it is whole. */
async function writeTensors(
  path: string,
  tensors: readonly TensorSpec[],
  fill: (write: (name: string, element: number, values: Float32Array) => Promise<void>) => Promise<void>,
): Promise<void> {
  const prefix = safetensorsPrefix(tensors, { format: 'pt' });
  const starts = new Map<string, number>();
  let at = prefix.byteLength;
  for (const t of tensors) {
    starts.set(t.name, at);
    at += t.shape.reduce((a, b) => a * b, 4);
  }
  const temporary = `${resolve(path)}.${process.pid}.tmp`;
  await makeFolder(dirname(temporary));
  const file = await open(temporary, 'w').catch((cause: unknown) => {
    throw new LabError(
      'FetchError',
      `${path} cannot be written: ${(cause as NodeJS.ErrnoException).code ?? String(cause)}.`,
      'Choose another place.',
      { cause },
    );
  });
  try {
    await file.write(prefix, 0, prefix.byteLength, 0);
    await fill(async (name, element, values) => {
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      await file.write(bytes, 0, bytes.byteLength, (starts.get(name) ?? 0) + element * 4);
    });
    await file.close();
    await rename(temporary, resolve(path));
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(temporary, { force: true });
    throw error;
  }
}
