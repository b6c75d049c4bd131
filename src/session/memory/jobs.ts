/** From what a user asks for to the passes whose memory is planned. */
import type { MemoryRecord, RunReport } from '../../core/report';
import type { LabSpec, TextName } from '../../core/spec';
import type { Engine } from '../engine';
import { needsFacts, planRun, type RunPlan } from '../plan';
import type { ResolvedText } from '../texts';
import { planMemory, type MemoryJob, type PrunerShape, type TextShape } from './memoryPlan';

/** Work of one kind; a sweep's statistics are those of its points. */
export type MemoryWork =
  { kind: 'evaluate' | 'run' | 'tick' | 'export' } | { kind: 'sweep'; statistics: 'exact' | 'dense' };

export interface MemoryTexts {
  calibration: TextShape;
  select: TextShape;
  report: TextShape;
}

/** A drag measures this many tokens on a software adapter; see Lab.tick. */
const SLOW_TICK_TOKENS = 128;

/** The passes of `work`, one kind after another on the same engine. `plan` null where nothing is pruned. */
export function memoryJobs(
  work: readonly MemoryWork[],
  plan: { run: RunPlan; path: PrunerShape['path'] } | null,
  texts: MemoryTexts,
  software: boolean,
): MemoryJob[] {
  return work.flatMap((part): MemoryJob[] => {
    if (part.kind === 'evaluate' || !plan) return [{ kind: 'evaluate', text: texts.report }];
    const { run, path } = plan;
    const { spec, statistics, needsInputs, updates } = run;
    const pruner: PrunerShape = { statistics, needsInputs, updates, path };
    const errorText = texts[spec.errorsOn];
    const common = { kind: 'prune', pruner, calibration: texts.calibration } as const;
    if (part.kind === 'tick')
      return [
        {
          ...common,
          statistics: 'dense',
          errors: {
            text: software ? beginningOf(errorText, SLOW_TICK_TOKENS) : errorText,
            kind: 'cumulative',
          },
          keep: false,
        },
      ];
    if (part.kind === 'sweep') {
      const walks = needsInputs && part.statistics === 'exact';
      const free = spec.errorsOn === 'select' || (spec.errorsOn === 'calibration' && walks);
      return [
        {
          ...common,
          statistics: part.statistics,
          ...(free ? { errors: { text: errorText, kind: 'cumulative' as const } } : {}),
          evaluate: texts.select,
          keep: false,
        },
      ];
    }
    const facts: MemoryJob = {
      ...common,
      statistics: 'dense',
      keep: false,
      ...(run.allocation.searches(run.params) ? { evaluate: texts.select } : {}),
    };
    return [
      ...(needsFacts(run) ? [facts] : []),
      { kind: 'evaluate', text: texts.report },
      {
        ...common,
        statistics: spec.stats,
        errors: { text: errorText, kind: 'full' },
        evaluate: texts.report,
        keep: true,
      },
      ...(part.kind === 'export' ? [{ kind: 'export' } as const] : []),
    ];
  });
}

/** The work behind a report. */
export function workOf({ sparsity, curve }: Pick<RunReport, 'sparsity' | 'curve'>): MemoryWork[] {
  if (!sparsity) return [{ kind: 'evaluate' }];
  if (!curve) return [{ kind: 'run' }];
  return [{ kind: 'sweep', statistics: curve.kind === 'exact' ? 'exact' : 'dense' }, { kind: 'run' }];
}

/** GPU memory at the peak of `work` on the model that an engine holds. Texts that are missing count as nothing. */
export function memoryOf(
  engine: Engine,
  spec: LabSpec,
  work: readonly MemoryWork[],
  texts: Partial<Record<TextName, ResolvedText>>,
): Omit<MemoryRecord, 'peakBytes'> {
  const { plan: model } = engine.model;
  const of = (which: TextName): TextShape => {
    const text = texts[which];
    return text ? { key: text.record.sha256, lengths: text.windows.lengths } : { key: which, lengths: [1] };
  };
  const prunes = work.some(({ kind }) => kind !== 'evaluate');
  const run = prunes ? planRun(model, { ...spec, beta: 0 }) : null;
  const plan = run && { run, path: pathOf(run, (wish) => engine.selectPath(wish)) };
  const all = { calibration: of('calibration'), select: of('select'), report: of('report') };
  const jobs = memoryJobs(work, plan, all, engine.ctx.record.software);
  const { peakBytes, byKind, host } = planMemory(model, engine.memoryDevice, jobs);
  return { predictedBytes: peakBytes, predictedByKind: byKind, predictedHostBytes: host };
}

/** Where masks are chosen. */
export function pathOf(
  { pruner, params, select }: RunPlan,
  engine: (wish: RunPlan['select']) => 'gpu' | 'cpu',
): PrunerShape['path'] {
  if (pruner.chooseLayer?.(params) !== undefined || pruner.choose(params) !== null) return 'solver';
  return engine(select);
}

/** Windows like those that firstTokens leaves. */
function beginningOf(text: TextShape, tokens: number): TextShape {
  const { lengths } = text;
  if (lengths.reduce((a, b) => a + b, 0) <= tokens) return text;
  const kept: number[] = [];
  let sum = 0;
  for (const length of lengths) {
    if (sum + length > tokens) break;
    kept.push(length);
    sum += length;
  }
  const first = Math.min(tokens, lengths[0] ?? tokens);
  return { key: `${text.key} begin`, lengths: kept.length > 0 ? kept : [first] };
}

/** For `--spec` alone: texts of these sizes. */
export function plannedTexts({ samples, window, windows }: LabSpec, context: number): MemoryTexts {
  const tokens = Math.min(window ?? 256, context);
  const text = (which: TextName, count: number): TextShape => ({
    key: which,
    lengths: Array.from({ length: count }, () => tokens),
  });
  return {
    calibration: text('calibration', samples),
    select: text('select', windows),
    report: text('report', windows),
  };
}
