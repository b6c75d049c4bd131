/** prunelab <command>: parses, runs one command, prints one last line when it fails, returns the exit code. */
import { LabError, throwIfAborted } from '../core/errors';
import { ENGINE_VERSION } from '../core/version';
import type { Command, CommandContext } from './command';
import { benchCommand } from './commands/bench';
import { compareCommand } from './commands/compare';
import { doctorCommand } from './commands/doctor';
import { evalCommand } from './commands/eval';
import { generateCommand } from './commands/generate';
import { infoCommand } from './commands/info';
import { inspectCommand } from './commands/inspect';
import { logitsCommand } from './commands/logits';
import { pruneCommand } from './commands/prune';
import { recipeCommand } from './commands/recipe';
import { runsCommand } from './commands/runs';
import { searchMetricCommand } from './commands/searchMetric';
import { speedCommand } from './commands/speed';
import { sweepCommand } from './commands/sweep';
import { textsCommand } from './commands/texts';
import { theoryCommand } from './commands/theory';
import { verifyCommand } from './commands/verify';
import { zeroShotCommand } from './commands/zeroshot';
import { allowOnly, helpFor, parseArguments, type Parsed } from './flags';
import { nodeSha256 } from '../formats/sha256.node';
import { workerFile } from '../formats/workerFile.node';
import { useHashWorker } from '../formats/fileHash';
import { nodeHashWorker } from '../formats/fileHash.node';
import { usePlatformSha256 } from '../formats/sha256';
import { checkFileTarget, Console, writeWhole } from './io';

const COMMANDS: readonly Command[] = [
  infoCommand,
  textsCommand,
  evalCommand,
  logitsCommand,
  pruneCommand,
  sweepCommand,
  searchMetricCommand,
  compareCommand,
  zeroShotCommand,
  theoryCommand,
  generateCommand,
  speedCommand,
  verifyCommand,
  inspectCommand,
  recipeCommand,
  runsCommand,
  benchCommand,
  doctorCommand,
];

function overview(): string {
  const rows = COMMANDS.map((c) => `  ${c.usage.padEnd(44)}${c.summary}`);
  return `prunelab ${ENGINE_VERSION}: prune language models on WebGPU\n\n${rows.join('\n')}\n\n<model> is demo, a folder, a .safetensors file, or hf:owner/name[@revision].\nprunelab <command> --help lists its flags.\n`;
}

/** `signal` cancels whatever runs; the program that calls this listens for signals of the system. */
export async function main(
  argv: readonly string[],
  signal: AbortSignal = new AbortController().signal,
): Promise<number> {
  usePlatformSha256(nodeSha256);
  let console = new Console(argv.includes('--quiet'));
  const debug = argv.includes('--debug');
  try {
    throwIfAborted(signal);
    const hashWorker = workerFile('hashWorker');
    if (hashWorker !== null) useHashWorker(nodeHashWorker(hashWorker));
    const parsed = parseArguments(argv);
    console = new Console(parsed.switches.has('quiet'));
    const command = COMMANDS.find((c) => c.name === parsed.command);
    if (!command) {
      if (parsed.switches.has('help') || parsed.command === 'help') {
        process.stdout.write(overview());
        return 0;
      }
      if (!parsed.command) throw new LabError('SpecError', 'No command was given.', 'See prunelab --help.');
      throw new LabError(
        'SpecError',
        `There is no command "${parsed.command.slice(0, 60)}".`,
        `Use one of ${COMMANDS.map((c) => c.name).join(', ')}.`,
      );
    }
    if (parsed.switches.has('help')) {
      process.stdout.write(helpFor(command.usage, command.summary, command.flags));
      return 0;
    }
    allowOnly(parsed, command.flags);
    const target = parsed.values.get('json');
    if (target !== undefined && target !== '-') await checkFileTarget('--json', target);
    const code = await command.run({ parsed, console, signal, finish: finisher(parsed, signal) });
    console.endLine();
    return code;
  } catch (error) {
    const failure = signal.aborted
      ? new LabError('CancelledError', 'Cancelled; nothing half-written remains.')
      : LabError.from(error);
    console.fail(failure, debug);
    return failure.exitCode;
  }
}

function finisher(parsed: Parsed, signal: AbortSignal): CommandContext['finish'] {
  const target = parsed.values.get('json');
  return async (json, human) => {
    // A command too quick to look for itself is cancelled all the same.
    throwIfAborted(signal);
    if (target === '-') process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
    else {
      if (target !== undefined) await writeWhole(target, `${JSON.stringify(json, null, 2)}\n`);
      process.stdout.write(human);
    }
  };
}
