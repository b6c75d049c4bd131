/** One call of the theory: its texts, the prunings measured so far, and what is told of it while it goes on. */
import { LabError, throwIfAborted } from '../../core/errors';
import type { LabSpec, ParamValue, TextName } from '../../core/spec';
import { CLAIMS, type TheoremId, type TheoryExperiment, type TheoryRecord, type TheorySpec, type TheoryTrial, type Verdict } from '../../core/theory'; // prettier-ignore
import type { Recorder } from '../../gpu/recorder';
import { figuresOf } from '../figures';
import type { Meter } from '../engine';
import type { JobIo, Lab } from '../lab';
import { planRun, ratesFor, type RunPlan } from '../plan';
import type { LabEvent } from '../protocol';
import type { SeedDraw } from '../seeds';
import type { ResolvedText } from '../texts';

export type Texts = Record<TextName, ResolvedText>;

/** All entries lose the same count of zeros unless asked otherwise. */
export function parametersOf({ set }: LabSpec): Record<string, ParamValue> {
  return { exactBudget: true, ...set };
}

/** A spec with rates by hand. */
export function ratesSpec(base: LabSpec, rates: readonly number[]): LabSpec {
  const { seeds: _, betas: _b, ...rest } = base;
  return {
    ...rest,
    allocation: 'custom',
    beta: 0,
    layerSparsity: [...rates],
    sparsity: base.sparsity,
    set: parametersOf(base),
  };
}

const trialKey = (seed: number, rates: readonly number[]): string => `${seed} ${rates.join(' ')}`;

export class TheoryRun {
  readonly lab: Lab;
  readonly spec: TheorySpec;
  readonly texts: Texts;
  /** The main seed's first. */
  readonly draws: readonly SeedDraw[];
  readonly record: TheoryRecord;
  readonly #io: JobIo;
  readonly #trials = new Map<string, TheoryTrial>();
  /** Names of the trials that the theorems of this call asked for, in the order asked, by their keys. */
  readonly #used = new Map<string, string>();
  readonly #startMs = performance.now();
  #steps = { done: 0, measured: 0, all: 0 };

  constructor(
    lab: Lab,
    record: TheoryRecord,
    job: { texts: Texts; draws: readonly SeedDraw[]; io: JobIo; steps: number },
  ) {
    this.lab = lab;
    this.record = record;
    this.spec = record.spec;
    this.texts = job.texts;
    this.draws = job.draws;
    this.#io = job.io;
    this.#steps.all = job.steps;
    for (const trial of record.trials) this.#trials.set(trialKey(trial.seed, trial.rates), trial);
  }

  get layers(): number {
    return this.lab.loaded.record.layers;
  }

  /** Prunable weights of each layer. */
  get sizes(): readonly number[] {
    return this.lab.loaded.plan.prunablePerLayer;
  }

  get signal(): AbortSignal | undefined {
    return this.#io.signal;
  }

  get mainSeed(): number {
    return this.spec.base.seed;
  }

  get seeds(): number[] {
    return this.draws.map(({ seed }) => seed);
  }

  uniform(sparsity = this.spec.base.sparsity): number[] {
    return this.sizes.map(() => sparsity);
  }

  planOf(rates: readonly number[]): RunPlan {
    return planRun(this.lab.loaded.plan, ratesSpec(this.spec.base, rates));
  }

  draw(seed: number): SeedDraw {
    const found = this.draws.find((d) => d.seed === seed);
    if (!found) throw new Error(`seed ${seed} was not drawn`);
    return found;
  }

  /** Prunes the clean model at these rates and measures it; a pruning of before is not repeated. */
  async trial(
    theorem: TheoremId,
    name: string,
    seed: number,
    rates: readonly number[],
    { full = false } = {},
  ): Promise<TheoryTrial> {
    const key = trialKey(seed, rates);
    const known = this.#trials.get(key);
    if (known && (!full || known.errors)) {
      this.#steps.done += 1;
      this.#use(key, name);
      return known;
    }
    const { calibration } = this.draw(seed);
    const plan = this.planOf(rates);
    const { errorsOn, stats } = this.spec.base;
    const text = errorsOn === 'calibration' ? calibration : this.texts[errorsOn];
    const kind = full ? ('full' as const) : ('cumulative' as const);
    const { engine } = this.lab.loaded;
    const result = await this.step(this.stage(theorem, name), (rec, meter) =>
      engine.prune(
        rec,
        {
          plan,
          rates: ratesFor(this.lab.loaded.plan, plan, 0).rates,
          statistics: stats,
          calibration,
          errors: { text, kind },
          evaluate: this.texts.select,
        },
        meter,
      ),
    );
    const trial: TheoryTrial = {
      seed,
      rates: [...rates],
      perplexity: figuresOf(result).perplexity,
      cumulative: result.errors.map(({ cumulative }) => cumulative),
      dense: result.errors.map(({ dense }) => dense),
      ...(full ? { errors: result.errors } : {}),
    };
    if (known) this.record.trials[this.record.trials.indexOf(known)] = trial;
    else this.record.trials.push(trial);
    this.#trials.set(key, trial);
    this.#use(key, name);
    return trial;
  }

  #use(key: string, name: string): void {
    if (!this.#used.has(key)) this.#used.set(key, name);
  }

  /** Trials that the theorems of this call asked for, in the order asked, with their first names. */
  used(): { trial: TheoryTrial; name: string }[] {
    return [...this.#used].flatMap(([key, name]) => {
      const trial = this.#trials.get(key);
      return trial ? [{ trial, name }] : [];
    });
  }

  /** What progress says of a measurement. */
  stage(theorem: TheoremId, what: string): string {
    return `${/^\d/.test(theorem) ? `Theorem ${theorem}` : CLAIMS[theorem].title}: ${what}`;
  }

  /** One measurement among those that progress counts. */
  async step<T>(stage: string, work: (rec: Recorder, meter: Meter) => Promise<T>): Promise<T> {
    throwIfAborted(this.#io.signal);
    const result = await this.lab.withRecorder(this.io(stage), stage, work);
    this.#steps.done += 1;
    this.#steps.measured += 1;
    return result;
  }

  /** Measurements that are known already. */
  skip(steps: number): void {
    this.#steps.done += steps;
  }

  /** The job with its progress as that of the whole call. */
  io(stage: string): JobIo {
    const io = this.#io;
    return {
      ...io,
      emit: (event: LabEvent) => {
        if (event.type !== 'progress') {
          if (event.type === 'memory' || event.type === 'warning') io.emit(event);
          return;
        }
        const { done, measured, all } = this.#steps;
        const part = event.total > 0 ? event.done / event.total : 0;
        const each = (performance.now() - this.#startMs) / 1000 / (measured + part);
        io.emit({
          ...event,
          stage,
          done: Math.min(1, (done + part) / all),
          total: 1,
          unit: 'fraction',
          secondsLeft: measured > 0 ? each * Math.max(0, all - done - part) : event.secondsLeft,
        });
      },
    };
  }

  /** The experiment of this theorem as it is known, if an earlier record brought it. */
  known<Id extends TheoremId>(theorem: Id): Extract<TheoryExperiment, { theorem: Id }> | undefined {
    return this.record.experiments.find(
      (e): e is Extract<TheoryExperiment, { theorem: Id }> => e.theorem === theorem,
    );
  }

  /** Puts the experiment into the record and tells of it. */
  publish(experiment?: TheoryExperiment): void {
    if (experiment) {
      const { experiments } = this.record;
      const at = experiments.findIndex(({ theorem }) => theorem === experiment.theorem);
      if (at < 0) experiments.push(experiment);
      else experiments[at] = experiment;
    }
    this.#io.emit({ type: 'theory', job: this.#io.job, record: structuredClone(this.record) });
  }

  warn(text: string): void {
    if (!this.record.warnings.includes(text)) this.record.warnings.push(text);
  }
}

/** What every experiment begins with. */
export function head<Id extends TheoremId>(
  theorem: Id,
): { theorem: Id; title: string; claim: string; done: false; verdict: Verdict | null } {
  return { theorem, ...CLAIMS[theorem], done: false, verdict: null };
}

/** SpecError where the spec asks for what the theory is not about. */
export function checkSpec({ base, theorems, seeds, rates }: TheorySpec): void {
  if (theorems.length === 0) throw new LabError('SpecError', 'No theorem is named.', 'Name at least one.');
  if (base.pattern !== 'free')
    throw new LabError(
      'SpecError',
      `Pattern ${base.pattern} fixes the rate of every layer; the theory is about other rates.`,
      'Use the free pattern.',
    );
  if (!(base.sparsity > 0 && base.sparsity < 1))
    throw new LabError('SpecError', `The theory needs a sparsity between 0 and 1, not ${base.sparsity}.`);
  const problem = rates.some((s, i) => !(s > 0 && s < 1 && s > (rates[i - 1] ?? 0)));
  if (rates.length < 2 || problem)
    throw new LabError(
      'SpecError',
      'The rates of theorem 3.1 must be two or more, ascending, between 0 and 1.',
      'Give for example 0.1,0.3,0.5,0.7,0.9.',
    );
  if (!seeds.includes(base.seed))
    throw new LabError('SpecError', `The main seed ${base.seed} is not among the seeds ${seeds.join(', ')}.`);
}
