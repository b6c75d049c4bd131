import type { Parsed } from './flags';
import type { Console } from './io';

export interface CommandContext {
  parsed: Parsed;
  console: Console;
  signal: AbortSignal;
  /** Writes a result: to --json F, to standard output for --json -; `human` goes to standard output otherwise. */
  finish(json: unknown, human: string): Promise<void>;
}

export interface Command {
  name: string;
  usage: string;
  summary: string;
  flags: readonly string[];
  /** Exit code. */
  run(context: CommandContext): Promise<number>;
}
