/** What takes turns: ours and every peer, behind one interface. */
import type { Input, Problem } from './problems';

export interface Contender {
  /** As the rows name it. */
  name: string;
  version: string;
  /** Runs on the processor, where the others run on the WebGPU adapter. */
  processor: boolean;
  /** No goal was set against it. */
  withoutGoal?: true;
  /** Everything before the first run: code, device, operands. */
  prepare(problem: Problem): Promise<Prepared>;
}

export interface Prepared {
  /** Issues one run without waiting for it. */
  start(input: Input): Promise<void>;
  /** Waits until all that was issued is done; resolves to the last value of the last result. */
  settle(): Promise<number>;
  /** The last result. */
  output(): Promise<Float32Array>;
  close(): Promise<void>;
  /** Held to the rounding of f32 and no more. */
  strict?: boolean;
  /** What a reader of its row must know. */
  note?: string;
}

const SAMPLES = 64;
/**
 * Peers may approximate more coarsely than f32 rounds (exponentials, sums in blocks): that is their choice, and what is
 * looked for are results of another problem or of no run at all.
 */
const PEER_SLACK = 100;

/** Our own kernels get no slack. */
const slackOf = (prepared: Prepared): number => (prepared.strict ? 1 : PEER_SLACK);

function compare(
  prepared: Prepared,
  problem: Problem,
  index: number,
  input: Input,
  got: number,
  who: string,
): void {
  const { value, bound } = problem.expected(index, input);
  if (!(Math.abs(got - value) <= bound * slackOf(prepared)))
    throw new Error(`${who} is wrong: element ${index} is ${got}, not ${value.toPrecision(8)}`);
}

/** One run on each input, compared at places spread over the result. Throws where one is off by more than rounding. */
export async function verify(prepared: Prepared, problem: Problem): Promise<void> {
  for (const input of [0, 1] as const) {
    await prepared.start(input);
    await prepared.settle();
    const values = await prepared.output();
    if (values.length !== problem.count)
      throw new Error(`the result has ${values.length} values, not ${problem.count}`);
    for (let i = 0; i < SAMPLES; i++) {
      const index = Math.floor(((i + 0.5) * problem.count) / SAMPLES);
      compare(prepared, problem, index, input, values[index] ?? NaN, 'the result');
    }
  }
}

/** A timed run: `repeats` on one input, waited for, and its last value checked. */
export async function checkedRun(
  prepared: Prepared,
  problem: Problem,
  input: Input,
  repeats: number,
): Promise<void> {
  for (let i = 0; i < repeats; i++) await prepared.start(input);
  compare(prepared, problem, problem.count - 1, input, await prepared.settle(), 'a timed result');
}
