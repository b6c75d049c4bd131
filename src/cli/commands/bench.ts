import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runBench, SUITE_NAMES } from '../../bench';
import { pruneBesidePeer } from '../../bench/suites/prune';
import { deviceName } from '../../bench/device';
import type { BenchEnv, BenchModel } from '../../bench/env';
import type { BenchRow } from '../../bench/row';
import { TABLE_HEAD, tableLine } from '../../bench/table';
import { LabError } from '../../core/errors';
import { nodeFiles } from '../../formats/nodeFiles.node';
import { GpuContext } from '../../gpu/context';
import { Lab } from '../../session/lab';
import type { Command } from '../command';
import { openNodeGpu } from '../nodeGpu';
import { nodeSink } from '../nodeSink';
import { comparePeers } from '../peers';
import { nodeHost, openSession } from '../session';
import { openTorchPeer } from '../torchPeer';

/** The demo, and SmolLM2-135M where PRUNELAB_SMOLLM2 names its folder. */
function models(): BenchModel[] {
  const demo: BenchModel = { name: 'demo', files: () => nodeHost.demo(), large: false };
  const folder = process.env['PRUNELAB_SMOLLM2'];
  return folder ? [demo, { name: 'SmolLM2-135M', files: () => nodeFiles(folder), large: true }] : [demo];
}

async function openSink(): ReturnType<BenchEnv['openSink']> {
  const folder = await mkdtemp(join(tmpdir(), 'prunelab-bench-'));
  return { sink: nodeSink(folder), remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Its rows belong to kernels, forward and prune; it installs what it compares with, so only who asks gets it. */
const PEERS = 'peers';
/** The peer that needs no browser. */
const PRUNE = 'prune';
const NAMES = [...SUITE_NAMES, PEERS, PRUNE];

/** How fast the lab is on this machine. */
export const benchCommand: Command = {
  name: 'bench',
  usage: 'bench',
  summary: `times ${SUITE_NAMES.join(', ')} on this machine; with --peers beside other programs`,
  flags: ['suite', 'quick', 'peers', 'tune'],
  async run({ parsed, console, signal, finish }) {
    if (parsed.positional.length > 0)
      throw new LabError(
        'SpecError',
        '"bench" takes no model.',
        'Name another model with PRUNELAB_SMOLLM2=FOLDER.',
      );
    const suite = parsed.values.get('suite');
    if (suite !== undefined && !NAMES.includes(suite)) {
      throw new LabError(
        'SpecError',
        `There is no suite "${suite.slice(0, 60)}".`,
        `Use one of ${NAMES.join(', ')}.`,
      );
    }
    const session = await openSession(parsed, console, signal);
    if (parsed.switches.has('tune')) session.lab.tune = true;
    try {
      const rows: BenchRow[] = [];
      const toOutput = parsed.values.get('json') !== '-';
      if (toOutput) process.stdout.write(`${TABLE_HEAD}\n`);
      const env: BenchEnv = {
        lab: session.lab,
        io: { ...session.io, emit: () => undefined },
        device: deviceName(session.lab.ctx.record),
        quick: parsed.switches.has('quick'),
        models: models(),
        openSink,
        openCounting: async () =>
          new Lab(
            await GpuContext.open(await openNodeGpu(), {
              backend: 'dawn-node',
              adapter: parsed.values.get('adapter'),
              asHardware: true,
            }),
            nodeHost,
          ),
        cpuMs: () => {
          const { user, system } = process.cpuUsage();
          return (user + system) / 1000;
        },
        emit: (row) => {
          rows.push(row);
          // As they come: the whole takes minutes.
          if (toOutput) process.stdout.write(`${tableLine(row)}\n`);
        },
        note: (text) => console.note(text),
      };
      const withPeers = suite === PEERS || parsed.switches.has('peers');
      if (suite !== PEERS && suite !== PRUNE) await runBench(env, suite);
      if (withPeers) await comparePeers({ ...env, signal });
      if (withPeers || suite === PRUNE) await pruneBesidePeer(env, openTorchPeer);
      await finish(rows, '');
      return rows.some((row) => row.error !== undefined) ? 1 : 0;
    } finally {
      session.close();
    }
  },
};
