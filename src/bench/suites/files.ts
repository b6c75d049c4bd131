/** Models in and out: load (read, hash, upload) and export (mask, write, hash, read back, verify). */
import { exportTo } from '../../session/export';
import type { BenchEnv } from '../env';
import { textSpec, turns, useModel } from '../env';
import { interleave } from '../measure';
import { makeRow } from '../row';

const repsOf = (env: BenchEnv, large: boolean): number => (env.quick ? 2 : large ? 3 : 5);

export async function loadSuite(env: BenchEnv): Promise<void> {
  for (const model of env.models) {
    const [timing] = await interleave([{ name: 'load', run: () => useModel(env, model) }], {
      reps: repsOf(env, model.large),
      ...turns(env),
    });
    const bytes = env.lab.loaded.plan.opened.totalBytes;
    if (timing) env.emit(makeRow({ suite: 'load', case: model.name, device: env.device }, timing, { bytes }));
  }
}

export async function exportSuite(env: BenchEnv): Promise<void> {
  for (const model of env.models) {
    await useModel(env, model);
    const spec = textSpec(model.name, 64, 1);
    const report = await env.lab.run(spec, 0, env.io);
    let bytes = 0;
    const once = async (): Promise<void> => {
      const { sink, remove } = await env.openSink();
      try {
        const { files } = await exportTo(env.lab, spec, 0, sink, { masks: false }, env.io, report);
        bytes = files.reduce((sum, f) => sum + f.bytes, 0);
      } finally {
        await remove();
      }
    };
    const [timing] = await interleave([{ name: 'export', run: once }], {
      reps: repsOf(env, model.large),
      ...turns(env),
    });
    if (timing) env.emit(makeRow({ suite: 'export', case: `${model.name}, written and verified`, device: env.device }, timing, { bytes })); // prettier-ignore
  }
}
