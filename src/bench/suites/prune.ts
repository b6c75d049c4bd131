/**
 * Calibrate, prune with Wanda, perplexity before and after: ours beside another program on the same windows, whose
 * figures must be ours.
 */
import { perplexityOf } from '../../eval/perplexity';
import { planRun, ratesFor } from '../../session/plan';
import type { ResolvedText } from '../../session/texts';
import { NO_METER, onDevice, renamed, textOf, textSpec, turns, useModel, type BenchEnv } from '../env';
import { interleave } from '../measure';
import { errorRow, makeRow, withPeer, type PeerFigures } from '../row';

export interface PruneFigures {
  dense: number;
  pruned: number;
  zeros: number;
}

export interface PruneRequest {
  calibration: number[][];
  report: number[][];
  sparsity: number;
}

/** Another program that prunes the demo model. */
export interface PrunePeer {
  who: Pick<PeerFigures, 'name' | 'version' | 'processor'>;
  run: () => Promise<PruneFigures>;
  close: () => void;
}

const SPARSITY = 0.5;
/**
 * Of perplexities, relative. Dense: f32 on both sides. Pruned: one near-tie that falls the other way changes what every
 * later block sees, and the texts are short.
 */
const TOLERANCE = { dense: 1e-4, pruned: 2e-2 };

function windowsOf({ windows: { ids, lengths } }: ResolvedText): number[][] {
  let at = 0;
  return lengths.map((length) => [...ids.subarray(at, (at += length))]);
}

/** Whether two programs pruned the same model with the same data. */
export function sameFigures(a: PruneFigures, b: PruneFigures): boolean {
  const close = (x: number, y: number, relative: number): boolean => Math.abs(x - y) <= relative * y;
  return (
    close(a.dense, b.dense, TOLERANCE.dense) &&
    close(a.pruned, b.pruned, TOLERANCE.pruned) &&
    a.zeros === b.zeros
  );
}

/** `open` starts the peer; what it throws is its row's error. */
export async function pruneBesidePeer(
  env: BenchEnv,
  open: (request: PruneRequest) => Promise<PrunePeer>,
): Promise<void> {
  const [model] = env.models;
  if (!model) return;
  const engine = await useModel(env, model);
  const [window, windows] = env.quick ? [32, 1] : [128, 4];
  const spec = { ...textSpec(model.name, window, windows), allocation: 'uniform', sparsity: SPARSITY };
  const calibration = await textOf(env, spec, 'calibration');
  const report = await textOf(env, spec, 'report');
  const plan = planRun(engine.model.plan, spec);
  const { rates } = ratesFor(engine.model.plan, plan, 0);
  let calls = 0;
  const ours = async (): Promise<PruneFigures> => {
    calls += 1;
    // The engine remembers what it measured by a text's hash; here everything must be made.
    const evaluate = renamed(report, `bench prune ${calls}`);
    let [dense, pruned, zeros]: (number | null)[] = [null, null, 0];
    await onDevice(env, async (rec) => {
      dense = perplexityOf(await engine.denseLosses(rec, evaluate, NO_METER));
      const result = await engine.prune(
        rec,
        { plan, rates, statistics: 'exact', calibration, evaluate, countZeros: true },
        NO_METER,
      );
      pruned = perplexityOf(result.windowLosses ?? []);
      zeros = result.zeros.flatMap((layer) => Object.values(layer)).reduce((a, b) => a + b, 0);
    });
    return { dense: dense ?? NaN, pruned: pruned ?? NaN, zeros: zeros ?? NaN };
  };
  const where = {
    suite: 'prune',
    case: `${model.name}, calibrate, Wanda, perplexity, ${windows} x ${window} tokens each`,
    device: env.device,
  };
  const work = { tokens: calibration.windows.tokens + 2 * report.windows.tokens };
  let peer: PrunePeer | undefined;
  let failure: string | undefined;
  try {
    peer = await open({ calibration: windowsOf(calibration), report: windowsOf(report), sparsity: SPARSITY });
    const [mine, theirs] = [await ours(), await peer.run()];
    if (!sameFigures(mine, theirs))
      failure = `its figures are not ours: ${JSON.stringify(theirs)}, ours ${JSON.stringify(mine)}`;
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  try {
    const able = peer && failure === undefined ? [{ name: 'peer', run: peer.run }] : [];
    const [mine, theirs] = await interleave([{ name: 'ours', run: ours }, ...able], {
      reps: env.quick ? 2 : 5,
      // Processor time would count ours alone: the peer is another process.
      signal: turns(env).signal,
    });
    const row = mine ? makeRow(where, mine, work) : errorRow(where, 'not run');
    const who = peer?.who ?? { name: 'PyTorch', version: '', processor: true };
    env.emit(withPeer(row, who, theirs ?? { error: failure ?? 'not run' }));
  } finally {
    peer?.close();
    env.lab.unload();
  }
}
