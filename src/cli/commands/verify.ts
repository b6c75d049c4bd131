import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { LabError } from '../../core/errors';
import { verifyExport } from '../../formats/verifyExport';
import type { Command } from '../command';
import { oneModel } from '../flags';

/** Re-reads an export against its pruning.json; needs no GPU. */
export const verifyCommand: Command = {
  name: 'verify',
  usage: 'verify DIR',
  summary: 'check an export against its pruning.json',
  flags: [],
  async run({ parsed, console, signal, finish }) {
    if (parsed.positional.length === 0)
      throw new LabError('SpecError', '"verify" needs a folder.', 'Give the folder that an export wrote.');
    const folder = oneModel(parsed);
    const paths = await readdir(folder).catch((cause: unknown) => {
      throw new LabError(
        'FetchError',
        `${folder} is not a folder that can be read (${(cause as NodeJS.ErrnoException).code ?? String(cause)}).`,
        'Give the folder that an export wrote.',
        { cause },
      );
    });
    const result = await verifyExport(
      {
        list: () => Promise.resolve(paths),
        size: async (path) => (await stat(join(folder, path))).size,
        async read(path, begin, end) {
          const file = await open(join(folder, path), 'r');
          try {
            const bytes = new Uint8Array(end - begin);
            const { bytesRead } = await file.read(bytes, 0, bytes.byteLength, begin);
            return bytes.subarray(0, bytesRead);
          } finally {
            await file.close();
          }
        },
      },
      { signal },
    );
    const { ok, checked, differences } = result;
    await finish(result, ok ? `verified: ${JSON.stringify(checked)}\n` : `${differences.join('\n')}\n`);
    if (!ok)
      console.fail(
        new LabError(
          'VerifyError',
          `${folder} differs from its pruning.json: ${differences.slice(0, 3).join('; ')}.`,
        ),
        false,
      );
    return ok ? 0 : 1;
  },
};
