import { LabError } from '../../core/errors';
import { outline } from '../../formats/describeModel';
import { openModel, type OpenedModel } from '../../formats/hfModel';
import { planModel } from '../../models/inspect';
import type { Command } from '../command';
import { oneModel } from '../flags';
import { openModelFiles } from '../session';

/** Reads headers and config, no weights; needs no GPU. */
export const infoCommand: Command = {
  name: 'info',
  usage: 'info <model>',
  summary: 'what a model is and whether the lab opens it',
  flags: [],
  async run({ parsed, console, signal, finish }) {
    const model = oneModel(parsed);
    const { files, name } = await openModelFiles(model, console, signal, 'headers');
    const opened = await openModel(files);
    try {
      const plan = planModel(opened);
      for (const warning of plan.warnings) console.warn(warning);
      const { config } = plan;
      const described = {
        name,
        architecture: config.architecture,
        supported: true,
        reason: null,
        layers: config.layers,
        hidden: config.hidden,
        parameters: plan.parameters,
        prunable: plan.prunable.reduce((sum, m) => sum + m.count, 0),
        bytes: opened.totalBytes,
        dtype: plan.dtype,
        dtypes: outline(opened).dtypes,
        ...files.origin,
        context: config.context,
        vocabulary: config.vocabulary,
        tensors: tensorTable(opened),
        warnings: plan.warnings,
      };
      await finish(described, `${JSON.stringify(described, null, 2)}\n`);
      return 0;
    } catch (error) {
      const failure = LabError.from(error);
      if (failure.kind === 'ModelError' && parsed.values.get('json') !== '-')
        await finish(
          { ...refused(name, opened, failure), ...files.origin },
          `${JSON.stringify({ ...refused(name, opened, failure), ...files.origin }, null, 2)}\n`,
        );
      throw failure;
    }
  },
};

function tensorTable(opened: OpenedModel): Record<string, { dtype: string; shape: number[] }> {
  return Object.fromEntries(
    [...opened.tensors.values()].map((t) => [t.name, { dtype: t.dtype, shape: t.shape }]),
  );
}

/** What is known of a well-formed model that the lab does not open. */
function refused(name: string, opened: OpenedModel, failure: LabError): Record<string, unknown> {
  const known = outline(opened);
  return {
    name,
    architecture: known.architecture,
    supported: false,
    reason: failure.message,
    layers: null,
    hidden: null,
    parameters: null,
    prunable: null,
    bytes: opened.totalBytes,
    dtypes: known.dtypes,
    tensors: tensorTable(opened),
    warnings: opened.warnings,
  };
}
