/** How long computations on the CPU share their thread: they give way often enough to hear messages and cancelling. */
import { throwIfAborted } from '../core/errors';
import type { Pace } from './pruners/define';

/** Longest stretch of work before the event loop gets its turn, in ms. */
const STRETCH_MS = 40;

/** What computations give way to besides the event loop; a Recorder is one. */
interface Listener {
  readonly signal?: AbortSignal | undefined;
  /** Pre-emption, a lost device. */
  turn?(): Promise<void>;
}

/** A turn of the event loop; unlike timers it is not throttled. Works in workers and in Node. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** A pace that `breathe`s for real; CancelledError once the listener's signal has fired. */
export function realPace(listener: Listener = {}): Pace {
  let last = performance.now();
  return {
    async breathe() {
      throwIfAborted(listener.signal);
      if (performance.now() - last < STRETCH_MS) return;
      await turn();
      throwIfAborted(listener.signal);
      await listener.turn?.();
      last = performance.now();
    },
  };
}
