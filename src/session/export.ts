/** Exports the pruned model through a sink, then verifies the written bytes with a reader of their own. */
import { LabError } from '../core/errors';
import type { RunReport } from '../core/report';
import type { LabSpec } from '../core/spec';
import { checkArchive, type ArchiveFormat } from '../formats/archive';
import { bufferedModel } from '../formats/bufferedSource';
import { exportFolder } from '../formats/exportFolder';
import { oneshotScript } from '../formats/handoverScripts';
import type { GgufExportType } from '../formats/ggufQuantize';
import { checkRecipe } from '../formats/recipe';
import type { Methods } from '../formats/modelCard';
import type { ExportSink } from '../formats/sink';
import { windowsToJson } from '../formats/texts';
import { verifyExport } from '../formats/verifyExport';
import type { Recorder } from '../gpu/recorder';
import { unpackWindows } from '../models/windows';
import type { ModelPlan } from '../models/inspect';
import { findAllocation } from '../pruning/allocations';
import { PrunedBytes } from './prunedBytes';
import { checkGgufExport, measureGguf } from './exportGguf';
import { fileMask } from './fileLayout';
import { checkSmaller, smallerExport } from './exportSmaller';
import type { JobIo, Lab } from './lab';
import type { ExportFile } from './protocol';
import { planRun } from './plan';
import { recipeOfReport } from './recipe';

export interface ExportOptions {
  /** masks.safetensors and apply_masks.py as well. */
  masks: boolean;
  /** recipe.yaml for llm-compressor, with calibration.json and oneshot.py, as well. */
  recipe?: boolean;
  /** A GGUF file with matrices of this type instead of a Hugging Face folder; only from a GGUF file. */
  ggufType?: GgufExportType;
  /** Pruned matrices without their zeros, in a legacy format, instead of dense ones. */
  archive?: ArchiveFormat;
}

/** Runs the spec where its run is not at hand, writes, reads back, verifies. Nothing is left behind on failure. */
export async function exportTo(
  lab: Lab,
  spec: LabSpec,
  beta: number,
  sink: ExportSink,
  options: ExportOptions,
  io: JobIo,
  /** A report already made for this spec and beta, with its curve. */
  given?: RunReport,
): Promise<{ report: RunReport; files: ExportFile[] }> {
  const smaller = checkExport(lab, { ...spec, beta }, options);
  const measured = given ?? (await lab.reportFor(spec, beta, io));
  const { engine, plan } = lab.loaded;
  const opened = bufferedModel(plan.opened);
  const matrices = new Map(plan.prunable.map((m) => [m.name, m]));
  const progress = (stage: string) => (done: number, total: number) =>
    io.emit({
      type: 'progress',
      job: io.job,
      stage,
      done,
      total,
      unit: 'bytes',
      tokensPerSecond: null,
      secondsLeft: null,
    });
  try {
    const written = await lab.withRecorder(io, 'Exporting', async (rec, meter) => {
      const state = await lab.masks(spec, beta, rec, meter);
      const scope = lab.ctx.root.child();
      let bytes: PrunedBytes | undefined;
      try {
        const cut =
          smaller &&
          (await smallerExport(
            rec,
            plan,
            state.layers.map(({ masks }) => masks),
          ));
        bytes = new PrunedBytes(rec, scope, engine.model, state.layers, opened);
        const pruned = bytes;
        await scope.ready();
        return await exportFolder({
          model: opened,
          sink,
          transposed: plan.prunable.filter((m) => m.transposed).map((m) => m.name),
          ...(options.ggufType ? { ggufType: options.ggufType } : {}),
          signal: io.signal,
          onProgress: progress('Writing the files'),
          methods: methodsOf(plan, spec),
          ...(cut ? { smaller: cut.smaller } : {}),
          ...(options.archive ? { archive: { format: options.archive, kept: keptOf(measured) } } : {}),
          async changed(name) {
            if (cut) return cut.changed(name);
            const matrix = matrices.get(name);
            if (!matrix) return null;
            return pruned.of(matrix);
          },
          report: async (weights) => {
            if (cut) return cut.report(measured, weights);
            checkCounts(measured, weights.matrices, options.ggufType !== undefined);
            if (!options.ggufType) return measured;
            return measureGguf(lab, rec, { report: measured, type: options.ggufType, weights, sink }, io);
          },
          ...(options.masks
            ? {
                masks: {
                  weights: plan.prunable.map(({ name, count }) => ({ name, count })),
                  bits: (name: string) => maskBits(rec, name),
                },
              }
            : {}),
          ...(options.recipe ? { texts: (report: RunReport) => recipeFiles(lab, report) } : {}),
        });
      } finally {
        await bytes?.settle();
        scope.close();
      }

      async function maskBits(recorder: Recorder, name: string): Promise<Uint8Array> {
        const matrix = matrices.get(name);
        const mask = matrix && state.layers[matrix.layer]?.masks[matrix.matrix];
        if (!mask) throw new LabError('InternalError', `There is no mask of ${name}.`);
        return fileMask(recorder, mask, matrix.transposed);
      }
    });
    const paths = written.files.map((f) => f.path);
    const checked = await verifyExport(
      {
        list: () => Promise.resolve(paths),
        size: (path) => sink.size(path),
        read: (path, begin, end) => sink.read(path, begin, end),
      },
      { signal: io.signal, onProgress: progress('Verifying the files') },
    );
    if (!checked.ok) {
      throw new LabError(
        'VerifyError',
        `The written files differ from the report: ${checked.differences.slice(0, 3).join('; ')}.`,
        'The files were removed; write to another disk or folder.',
      );
    }
    return written;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** SpecError, before any work, where these options cannot be had of this model. Returns whether it becomes smaller. */
export function checkExport(lab: Lab, spec: LabSpec, options: ExportOptions): boolean {
  const { plan } = lab.loaded;
  const { architecture } = plan.config;
  checkGgufExport(lab, options);
  if (options.recipe) checkRecipe(spec.pruner, architecture);
  if (options.archive) checkArchive(options.archive, { pattern: spec.pattern, architecture });
  return checkSmaller(plan, lab.plan(spec), options);
}

/** Weights that are not zero, of every prunable matrix. */
function keptOf({ sparsity }: RunReport): Map<string, number> {
  return new Map(
    Object.entries(sparsity?.matrices ?? {}).map(([name, { zeros, count }]) => [name, count - zeros]),
  );
}

/** What llm-compressor needs to repeat the run of `report`. */
async function recipeFiles(lab: Lab, report: RunReport): Promise<Record<string, string>> {
  const { calibration } = await lab.texts(report.spec, ['calibration']);
  if (!calibration) throw new LabError('InternalError', 'There is no calibration text.');
  return {
    'recipe.yaml': recipeOfReport(report, [...lab.loaded.plan.opened.tensors.keys()]),
    'calibration.json': windowsToJson(unpackWindows(calibration.windows)),
    'oneshot.py': oneshotScript(report.spec.stats === 'dense'),
  };
}

function methodsOf(model: ModelPlan, spec: LabSpec): Methods {
  const { pruner, pattern, updates, needsInputs } = planRun(model, { ...spec, beta: 0 });
  const allocation = spec.layerSparsity ? 'custom' : pattern === 'free' ? spec.allocation : 'uniform';
  return { pruner, allocation: findAllocation(allocation), updates, needsInputs };
}

/** What was measured must be what was written; a type that rounds once more may only add zeros. */
function checkCounts(
  report: RunReport,
  written: Record<string, { zeros: number; count: number }>,
  rounded: boolean,
): void {
  for (const [name, { zeros, count }] of Object.entries(written)) {
    const expected = report.sparsity?.matrices[name];
    const fits = expected && (rounded ? zeros >= expected.zeros : zeros === expected.zeros);
    if (!fits || expected.count !== count) {
      throw new LabError(
        'VerifyError',
        `${name}: ${zeros} zeros were written where ${expected?.zeros ?? 'none'} were measured.`,
        'Run again; report this when it happens twice.',
      );
    }
  }
}
