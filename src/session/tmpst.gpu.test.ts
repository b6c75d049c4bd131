import { test } from 'vitest';
import { GpuContext } from '../gpu/context';
import { testGpu } from '../testing/setupGpu';
import { runSelfTest, tryAllKernels } from './selfTest';
test('x', async () => {
  const ctx = await GpuContext.open(testGpu(), { backend: 'dawn-node' });
  let t = performance.now();
  const r = await runSelfTest(ctx, (l) => console.log(l));
  console.log(JSON.stringify(r), performance.now() - t);
  t = performance.now();
  console.log(JSON.stringify(await runSelfTest(ctx)), performance.now() - t);
  ctx.close();
  const c2 = await GpuContext.open(testGpu(), { backend: 'dawn-node' });
  t = performance.now();
  const all = await tryAllKernels(c2);
  console.log(performance.now() - t, c2.errors, c2.ledger.total);
  for (const a of all) console.log(a.ok ? 'ok ' : 'BAD', a.op, a.variant, a.case, a.ms.toFixed(0), a.error ?? '');
  c2.close();
});
