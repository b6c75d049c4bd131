/** How far results may lie from their references: the ops' derived bounds, and whole models. */
import { OP_TOLERANCE } from '../ops/tolerances';

export const TOLERANCE = {
  ...OP_TOLERANCE,
  /** Whole models, relative: f32 against f64 through all blocks. */
  densePerplexity: 1e-4,
  /** Largest difference of logits, in units of their population standard deviation. */
  logits: 1e-4,
  /**
   * Whole runs, relative. Masks are a discontinuous function of their statistics: one near-tie that falls the other
   * way changes every later block's input, so these are wider than rounding alone (docs/methods.md, near-ties).
   */
  runErrors: 5e-3,
  runPerplexity: 1e-3,
  /** Entries of a gradient, in units of the root mean square of their matrix: a way there and back, like the logits. */
  gradients: 1e-4,
  /** KL in nats is a mean of log p - log q: what the dense and the pruned perplexity may be off, in nats. */
  runKl: 1e-3 + 1e-4,
  /** What allocations measure, and rates, in units of the largest: means over activations, which err like the logits. */
  facts: 1e-4,
  /** The same where weights are counted on either side of a threshold or masked: near-ties, as in whole runs. */
  countedFacts: 5e-3,
  /** Objective of an iterative solver above its reference's, relative: supports may differ in near-ties. */
  solverObjective: 1e-3,
} as const;
