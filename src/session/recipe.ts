/** The recipe of a run, from its report, or of a spec whose rates need no run, from a model's headers. */
import { LabError } from '../core/errors';
import type { AllocationRecord, ModelRecord, RunReport } from '../core/report';
import { MIXED_PATTERN, type LabSpec } from '../core/spec';
import { ENGINE_VERSION } from '../core/version';
import { checkRecipe, isModifierId, MODIFIERS, recipeYaml, type ModifierId } from '../formats/recipe';
import type { ModelPlan } from '../models/inspect';
import { planRun, ratesFor } from './plan';

/** The parts of a report that a recipe needs. */
export type RecipeSource = Pick<RunReport, 'id' | 'version' | 'spec' | 'allocation'> & {
  model: Pick<ModelRecord, 'name' | 'architecture'>;
  sparsity?: { matrices: Record<string, unknown> };
  texts?: { calibration?: { sha256: string; windows: number; window: number } };
};

/** llm-compressor takes one pattern for all layers. */
function refuseMixed({ pattern }: Pick<LabSpec, 'pattern'>): void {
  if (pattern === MIXED_PATTERN)
    throw new LabError(
      'SpecError',
      `There is no recipe for the pattern ${pattern}.`,
      'Save the masks instead.',
    );
}

/** The modifier for a pruner: its own, or the one asked for. SpecError where there is none. */
function modifierFor(pruner: string, architecture: string, asked: string | undefined): ModifierId {
  if (asked !== undefined && !isModifierId(asked))
    throw new LabError(
      'SpecError',
      `There is no modifier "${asked.slice(0, 60)}" for a recipe.`,
      `Use one of ${Object.keys(MODIFIERS).join(', ')}.`,
    );
  const id: string = asked ?? pruner;
  checkRecipe(id, architecture);
  return id;
}

/**
 * `tensors`: names of all tensors of the model where they are known. `modifier` takes the run's allocation to another
 * way of choosing weights. SpecError where no recipe is possible, FormatError where the report is not one of a run.
 */
export function recipeOfReport(report: RecipeSource, tensors?: readonly string[], modifier?: string): string {
  const { allocation, sparsity, model, spec } = report;
  refuseMixed(spec);
  if (!allocation || !sparsity) {
    throw new LabError(
      'FormatError',
      'The report holds no pruning run, so there is no allocation to hand over.',
      'Give the report of "prunelab prune" or "prunelab sweep".',
    );
  }
  const id = modifierFor(spec.pruner, model.architecture, modifier);
  const calibration = report.texts?.calibration;
  return recipeYaml({
    architecture: model.architecture,
    modifier: id,
    pattern: spec.pattern,
    rates: allocation.sparsity,
    matrices: allocation.matrices,
    names: Object.keys(sparsity.matrices),
    tensors,
    about: [
      `Recipe for llm-compressor, by prunelab ${report.version} from run ${report.id}.`,
      ...aboutRates(model, spec, allocation),
      ...(calibration
        ? [
            `Calibrated on ${calibration.windows} windows of ${calibration.window} tokens, ids with SHA-256 ${calibration.sha256}.`,
          ]
        : []),
      ...differences(model.architecture, spec, id),
    ],
  });
}

/** For rates that follow from the spec and the model's shape; nothing is measured, no weight is read. */
export function recipeOfModel(model: ModelPlan, name: string, spec: LabSpec, modifier?: string): string {
  const { architecture } = model.config;
  refuseMixed(spec);
  const id = modifierFor(spec.pruner, architecture, modifier);
  if (spec.beta === 'auto')
    throw new LabError(
      'SpecError',
      '--beta auto needs a sweep, which a recipe does not run.',
      'Give a number, or run "prunelab prune --recipe".',
    );
  const { allocation } = ratesFor(model, planRun(model, spec), spec.beta);
  return recipeYaml({
    architecture,
    modifier: id,
    pattern: spec.pattern,
    rates: allocation.sparsity,
    matrices: allocation.matrices,
    names: model.prunable.map((m) => m.name),
    tensors: [...model.opened.tensors.keys()],
    about: [
      `Recipe for llm-compressor, by prunelab ${ENGINE_VERSION}; computed from the model's shape, nothing was run.`,
      ...aboutRates({ name, architecture }, spec, allocation),
      ...differences(architecture, spec, id),
    ],
  });
}

function aboutRates(
  model: Pick<ModelRecord, 'name' | 'architecture'>,
  spec: LabSpec,
  allocation: AllocationRecord,
): string[] {
  const params = Object.entries(allocation.params).map(([key, value]) => `, ${key} ${value}`);
  return [
    `Model ${model.name}, ${model.architecture}, ${allocation.sparsity.length} blocks.`,
    `Lab: ${spec.pruner}, ${allocation.id}, ${spec.pattern === 'free' ? `sparsity ${spec.sparsity}` : `pattern ${spec.pattern}`}${params.join('')}.`,
    'The same masks need the same token ids in whole windows, one window a batch, no padding, pipeline="sequential".',
  ];
}

/** What the modifier will do otherwise than the lab did. */
function differences(architecture: string, spec: LabSpec, id: ModifierId): string[] {
  const lines: string[] = [];
  if (id !== spec.pruner)
    lines.push(`The weights are chosen by ${MODIFIERS[id]}, not by ${spec.pruner} as in the lab.`);
  if (spec.stats === 'dense')
    lines.push('Statistics came from the dense model: pass propagate_error=False to oneshot.');
  // Measured with llm-compressor 0.14.0.1 (docs/handover.md).
  if (architecture.startsWith('Phi3'))
    lines.push(
      'Phi-3: the zeros will be equal, but not the masks; apply masks.safetensors where they must be.',
    );
  // Where masks are chosen changes none of them.
  const set = Object.entries(spec.set).filter(([name, value]) => name !== 'select' && value !== false);
  if (set.length > 0)
    lines.push(
      `Not known to the modifier, so counts may differ: ${set.map(([name, value]) => `${name}=${value}`).join(', ')}.`,
    );
  return lines;
}
