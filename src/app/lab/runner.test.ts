import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { LayerErrors } from '../../core/report';
import { defaultSpec, type LabSpec } from '../../core/spec';
import type { LabApi } from '../../session/protocol';
import { createFakeLab } from '../../testing/fakeLab';
import { curveKey, runKey } from '../stores/keys';
import { emptyResults, runStore } from '../stores/runStore';
import { resetSpec, specStore } from '../stores/specStore';
import { Jobs } from './jobs';
import { Runner } from './runner';
import { Sweeper } from './sweeper';

const at = (beta: number): LabSpec => ({ ...defaultSpec(), beta });
const row = (cumulative: number): LayerErrors => ({ cumulative, local: 1, inPlace: 1, inherited: 1, cross: 0, dense: 1 }); // prettier-ignore

let api: LabApi;
let idle: ReturnType<typeof vi.fn<() => void>>;
let runner: Runner;
let jobs: Jobs;

beforeEach(async () => {
  api = createFakeLab({ layers: 4, layerMs: 1 });
  idle = vi.fn<() => void>();
  jobs = new Jobs(api);
  runner = new Runner(jobs, idle);
  resetSpec(defaultSpec());
  const boot = await api.boot({ userAgent: '', skipSelfTest: true });
  runStore.setState({
    ...emptyResults(),
    boot,
    jobs: [],
    phase: 'ready',
    model: await api.load(0, { kind: 'demo' }),
  });
});

describe('Runner', () => {
  it('lets the newest tick win: one in flight, one waiting', async () => {
    const tick = vi.spyOn(api, 'tick');
    for (let i = 1; i <= 20; i++) runner.tick(at(i / 1000));
    await vi.waitFor(() => expect(runStore.getState().preview?.spec.beta).toBe(0.02), { timeout: 3000 });
    const betas = tick.mock.calls.map(([, spec]) => spec.beta);
    // The first, the last, and the uniform spec that both are compared with.
    expect([...betas].sort()).toEqual([0, 0.001, 0.02]);
    expect(runStore.getState().previewUniform?.spec.beta).toBe(0);
  });

  it('runs the spec, then the uniform run beside it, once', async () => {
    resetSpec(at(0.01));
    const run = vi.spyOn(api, 'run');
    await runner.run();
    expect(run.mock.calls.map(([, spec]) => spec.beta)).toEqual([0.01, 0]);
    expect(idle).toHaveBeenCalledTimes(1);
    expect(Object.keys(runStore.getState().runs)).toEqual([runKey(at(0.01)), runKey(at(0))]);
    await runner.run();
    expect(run).toHaveBeenCalledTimes(2); // both are known now
  });

  it('cancels the run in flight when a drag begins, without an alert', async () => {
    const running = runner.run();
    const cancel = vi.spyOn(api, 'cancel');
    await vi.waitFor(() => expect(runStore.getState().jobs).toHaveLength(1));
    runner.tick(at(0.01));
    await running;
    expect(cancel).toHaveBeenCalledTimes(1);
    expect(runStore.getState().runs).toEqual({});
    expect(idle).not.toHaveBeenCalled();
  });

  it('drops rows of any other job', async () => {
    const event = { type: 'layers', kind: 'exact', spec: at(0), text: 'calibration', tokens: 8, hidden: 4, from: 0, rows: [row(5)] } as const; // prettier-ignore
    runner.onLayers({ ...event, job: 999, rows: [...event.rows] });
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(runStore.getState().live).toBeNull();
  });
});

describe('Sweeper', () => {
  it('starts unasked once, keeps points by what they depend on, and stops when that changes', async () => {
    const sweeper = new Sweeper(jobs);
    api.subscribe((event) => {
      if (event.type === 'point') sweeper.onPoint(event);
    });
    const curve = await sweeper.consider();
    expect(curve?.points).toHaveLength(10);
    const key = curveKey(defaultSpec());
    expect(runStore.getState().curves[key]?.exact).toMatchObject({ done: true, kind: 'exact' });
    expect(await sweeper.consider()).toBeNull();

    const cancel = vi.spyOn(api, 'cancel');
    const running = sweeper.start('preview');
    await vi.waitFor(() => expect(runStore.getState().jobs).toHaveLength(1));
    sweeper.specChanged(at(0.02));
    expect(cancel).not.toHaveBeenCalled();
    sweeper.specChanged({ ...defaultSpec(), sparsity: 0.6 });
    expect(cancel).toHaveBeenCalledTimes(1);
    expect(await running).toBeNull();
    expect(runStore.getState().curves[key]?.exact?.points).toHaveLength(10);
    expect(specStore.getState().spec.beta).toBe(0);
  });
});
