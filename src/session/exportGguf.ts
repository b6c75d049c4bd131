/** A GGUF export rounds the weights once more, so the file itself is opened anew and measured: its figure is reported. */
import { LabError } from '../core/errors';
import type { RunReport, SparsityRecord } from '../core/report';
import { perplexityOf } from '../eval/perplexity';
import type { WrittenWeights } from '../formats/exportWriter';
import type { GgufExportType } from '../formats/ggufQuantize';
import { GGUF_EXPORT_NAME } from '../formats/ggufWriter';
import { openModel } from '../formats/hfModel';
import type { ExportSink } from '../formats/sink';
import type { ByteSource } from '../formats/source';
import type { Recorder } from '../gpu/recorder';
import { planModel, type ModelPlan } from '../models/inspect';
import { loadModel } from '../models/load';
import { Engine } from './engine';
import type { JobIo, Lab } from './lab';

/** SpecError where a GGUF file cannot be written, before anything is. */
export function checkGgufExport(
  lab: Lab,
  options: { ggufType?: GgufExportType; masks: boolean; recipe?: boolean; archive?: string },
): void {
  if (!options.ggufType) return;
  if (!lab.loaded.plan.opened.gguf) {
    throw new LabError(
      'SpecError',
      'A GGUF file can be written only of a model that was opened from one: its metadata and tokenizer come from there.',
      'Export a Hugging Face folder, and convert it with llama.cpp.',
    );
  }
  if (options.masks || options.recipe || options.archive) {
    throw new LabError(
      'SpecError',
      'Masks, recipes and archives go with the Hugging Face folder, whose tensors they name.',
      'Leave them out, or export with --format hf.',
    );
  }
}

/** The report with the zeros of the written bytes and the perplexity of the written file on the report text. */
export async function measureGguf(
  lab: Lab,
  rec: Recorder,
  written: { report: RunReport; type: GgufExportType; weights: WrittenWeights; sink: ExportSink },
  io: JobIo,
): Promise<RunReport> {
  const { report, type, weights, sink } = written;
  const { report: text } = await lab.texts(report.spec, ['report']);
  if (!text) throw new LabError('InternalError', 'There is no report text.');
  const source = await sinkSource(sink, GGUF_EXPORT_NAME);
  const opened = await openModel({
    name: report.model.name,
    paths: [{ path: source.name, size: source.size }],
    open: () => Promise.resolve(source),
  });
  const engine = new Engine(
    lab.ctx,
    await loadModel(lab.ctx, planModel(opened), io.signal ? { signal: io.signal } : {}),
  );
  try {
    const silent = { total: () => undefined, add: () => undefined };
    const perplexity = perplexityOf(await engine.denseLosses(rec, text, silent));
    const { sparsity } = report;
    return {
      ...report,
      ...(sparsity ? { sparsity: counted(lab.loaded.plan, sparsity, weights.matrices) } : {}),
      exported: {
        format: 'gguf',
        type,
        perplexity,
        ...(perplexity === null ? { diverged: true as const } : {}),
      },
    };
  } finally {
    engine.close();
  }
}

function counted(
  plan: ModelPlan,
  sparsity: SparsityRecord,
  matrices: Record<string, { zeros: number; count: number }>,
): SparsityRecord {
  const share = (names: readonly { name: string }[]): number => {
    const counts = names.flatMap(({ name }) => matrices[name] ?? []);
    const all = counts.reduce((sum, c) => sum + c.count, 0);
    return all === 0 ? 0 : counts.reduce((sum, c) => sum + c.zeros, 0) / all;
  };
  return {
    ...sparsity,
    achieved: share(plan.prunable),
    layers: sparsity.layers.map((_, layer) => share(plan.prunable.filter((m) => m.layer === layer))),
    matrices,
  };
}

async function sinkSource(sink: ExportSink, path: string): Promise<ByteSource> {
  return {
    name: path,
    size: await sink.size(path),
    read: async (begin, end) => new Uint8Array(await sink.read(path, begin, end)),
  };
}
