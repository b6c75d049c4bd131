import { LabError } from '../../core/errors';
import type { RunReport } from '../../core/report';
import type { Command } from '../command';
import { describeCurve, describePerplexity, describeRun } from '../describe';
import type { Parsed } from '../flags';
import { deleteAllRuns, deleteRun, findRun, listRuns, type KeptRun } from '../keptRuns';

const ID_SHOWN = 12;

/** Reports of past runs; needs no GPU. */
export const runsCommand: Command = {
  name: 'runs',
  usage: 'runs [show ID | delete ID]',
  summary: 'past runs: list, show, delete; --spec run:ID runs one again',
  flags: ['all'],
  async run({ parsed, console, finish }) {
    const { action, id } = readAction(parsed);
    const warn = (text: string): void => console.warn(text);
    if (action === 'show' && id !== undefined) {
      const { report, command, savedAt } = await findRun(id, warn);
      const { curve } = report;
      await finish(
        report,
        `run         ${report.id}\nmade        ${savedAt} by ${command}, version ${report.version}\nmodel       ${report.model.name}\nmethod      ${methodOf(report)}\n${describeRun(report)}${curve ? `\n${describeCurve(curve)}` : ''}`,
      );
      return 0;
    }
    if (action === 'delete') {
      const deleted = id === undefined ? await deleteAllRuns() : await deleteRun(id, warn);
      await finish({ deleted }, `${deleted} ${deleted === 1 ? 'run' : 'runs'} deleted\n`);
      return 0;
    }
    const runs = await listRuns(warn);
    await finish({ runs: runs.map(summary) }, runs.length === 0 ? 'No past runs are kept.\n' : table(runs));
    return 0;
  },
};

function readAction(parsed: Parsed): { action: 'list' | 'show' | 'delete'; id?: string } {
  const [action = 'list', id, more] = parsed.positional;
  const all = parsed.switches.has('all');
  if (more !== undefined) throw new LabError('SpecError', `"${more.slice(0, 60)}" is one word too many.`);
  if (action !== 'list' && action !== 'show' && action !== 'delete')
    throw new LabError(
      'SpecError',
      `"runs ${action.slice(0, 60)}" is not known.`,
      'Use list, show or delete.',
    );
  if (all && (action !== 'delete' || id !== undefined))
    throw new LabError('SpecError', '--all belongs to "runs delete", without an id.');
  if (action === 'list' && id !== undefined)
    throw new LabError('SpecError', `"${id.slice(0, 60)}" is one word too many.`);
  if (action !== 'list' && id === undefined && !all)
    throw new LabError('SpecError', `"runs ${action}" needs the id of a run.`, 'See "prunelab runs".');
  return { action, ...(id !== undefined && { id }) };
}

function methodOf({ spec, allocation }: RunReport): string {
  const beta = allocation?.params['beta'] ?? spec.beta;
  const rate = spec.pattern === 'free' ? `S ${spec.sparsity}` : spec.pattern;
  return `${spec.pruner}, ${allocation?.id ?? spec.allocation}, ${rate}${spec.pattern === 'free' ? `, beta ${beta}` : ''}`;
}

function summary({ report, savedAt, command }: KeptRun): object {
  const { id, version, model, spec, allocation, perplexity } = report;
  return {
    id,
    savedAt,
    command,
    version,
    model: model.name,
    pruner: spec.pruner,
    allocation: allocation?.id ?? spec.allocation,
    sparsity: spec.sparsity,
    pattern: spec.pattern,
    beta: allocation?.params['beta'] ?? spec.beta,
    perplexity: {
      dense: perplexity.dense,
      ...(perplexity.pruned !== undefined && { pruned: perplexity.pruned }),
    },
  };
}

function table(runs: readonly KeptRun[]): string {
  const rows = runs.map(({ report, savedAt, command }) => [
    report.id.slice(0, ID_SHOWN),
    savedAt.slice(0, 16).replace('T', ' '),
    command,
    report.model.name.slice(0, 40),
    command === 'eval' ? '' : methodOf(report),
    `${describePerplexity(report.perplexity.dense)}${report.perplexity.pruned === undefined ? '' : ` -> ${describePerplexity(report.perplexity.pruned)}`}`,
  ]);
  const head = ['id', 'ended (UTC)', 'command', 'model', 'method', 'perplexity'];
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows]
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
