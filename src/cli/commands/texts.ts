import { join } from 'node:path';
import { windowsToJson } from '../../formats/texts';
import { openModel } from '../../formats/hfModel';
import { planModel } from '../../models/inspect';
import { unpackWindows } from '../../models/windows';
import { TextStore } from '../../session/texts';
import { clozeFile } from '../../session/zeroshot/documents';
import type { TextName } from '../../core/spec';
import type { Command } from '../command';
import { oneModel, specFromFlags } from '../flags';
import { throwIfAborted } from '../../core/errors';
import { checkOut, replaceFolder, writeWhole } from '../io';
import { inputPaths, nodeHost, openModelFiles } from '../session';

/** Writes the default texts as token windows: what another program needs to measure the same. */
export const textsCommand: Command = {
  name: 'texts',
  usage: 'texts <model> --out DIR',
  summary: "write the model's three default texts as token windows, and the cloze set",
  flags: ['out', 'force', 'samples', 'window', 'windows', 'seed'],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed);
    const force = parsed.switches.has('force');
    const out = await checkOut(parsed.values.get('out'), force, inputPaths(parsed, model));
    const { spec } = specFromFlags(parsed, model, 0);
    const { files: source } = await openModelFiles(model, console, signal, 'headers');
    const plan = planModel(await openModel(source));
    const store = new TextStore(nodeHost, plan.opened, plan.config, new Map());
    try {
      const records: Record<string, unknown> = {};
      const files: [string, string][] = [];
      for (const which of ['calibration', 'select', 'report'] as TextName[]) {
        const text = await store.resolve(spec, which);
        if (text.warning) console.warn(text.warning);
        records[which] = text.record;
        files.push([`${which}.json`, windowsToJson(unpackWindows(text.windows))]);
        throwIfAborted(signal);
      }
      // For other programs that score it; this one makes it of the bundled text whenever it is wanted.
      files.push(['cloze.jsonl', await clozeFile(nodeHost)]);
      await replaceFolder(out, force, async (working) => {
        for (const [name, data] of files) await writeWhole(join(working, name), data);
      });
      await finish(
        { texts: records },
        `calibration.json, select.json, report.json and cloze.jsonl written to ${out}\n`,
      );
      return 0;
    } finally {
      store.close();
    }
  },
};
