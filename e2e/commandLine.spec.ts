/** The command line from outside: what it prints, writes and exits with. Runs on the two-block fixture. */
import { expect, test } from '@playwright/test';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { prunelab as run, type Outcome } from './fixtures/commandLine';

const MODEL = 'src/testing/fixtures/two-block';
const SMALL = ['--samples', '2', '--window', '64', '--windows', '2'];

const prunelab = (
  args: string[],
  after?: { ms: number; signal: NodeJS.Signals },
  nodeArgs?: string[],
): Promise<Outcome> =>
  run(args, {
    cache: join(folder, 'cache'),
    ...(after && { after: { says: 'Sweep', ...after } }),
    ...(nodeArgs && { nodeArgs }),
  });

let folder = '';
test.beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunelab-e2e-'));
});
test.afterAll(() => rmSync(folder, { recursive: true, force: true }));
test.describe.configure({ timeout: 300_000 });

test('info describes a model without a GPU', async () => {
  const { code, out } = await prunelab(['info', MODEL, '--json', '-']);
  expect(code).toBe(0);
  const info = JSON.parse(out) as {
    supported: boolean;
    layers: number;
    prunable: number;
    tensors: Record<string, { shape: number[] }>;
  };
  expect(info).toMatchObject({
    supported: true,
    layers: 2,
    prunable: 2 * (64 * 64 * 2 + 32 * 64 * 2 + 3 * 96 * 64),
  });
  expect(info.tensors['model.layers.1.mlp.down_proj.weight']?.shape).toEqual([64, 96]);
});

test('texts are windows of ids, the same each time, and feed other commands', async () => {
  const one = join(folder, 'texts1');
  const two = join(folder, 'texts2');
  for (const dir of [one, two])
    expect((await prunelab(['texts', MODEL, '--out', dir, ...SMALL])).code).toBe(0);
  for (const name of ['calibration', 'select', 'report']) {
    const { windows } = JSON.parse(readFileSync(join(one, `${name}.json`), 'utf8')) as {
      windows: number[][];
    };
    expect(windows.map((w) => w.length)).toEqual([64, 64]);
    expect(readFileSync(join(two, `${name}.json`), 'utf8')).toBe(
      readFileSync(join(one, `${name}.json`), 'utf8'),
    );
  }
  const given = await prunelab(['eval', MODEL, '--report', join(one, 'report.json'), '--json', '-']);
  const bundled = await prunelab(['eval', MODEL, ...SMALL, '--json', '-']);
  type Eval = { perplexity: { dense: number }; texts: { report: { sha256: string } } };
  const [a, b] = [given, bundled].map(({ out }) => JSON.parse(out) as Eval);
  expect(a?.perplexity.dense).toBe(b?.perplexity.dense);
  expect(a?.texts.report.sha256).toBe(b?.texts.report.sha256);
});

/** The recipe in an export, from its report, and from the flags on the dense model say the same. */
async function recipesAgree(exported: string): Promise<void> {
  type Recipe = {
    pruning_stage: { pruning_modifiers: { WandaPruningModifier: { sparsity: number[]; targets: string[] } } };
  };
  const written = readFileSync(join(exported, 'recipe.yaml'), 'utf8');
  const { sparsity, targets } = (parse(written) as Recipe).pruning_stage.pruning_modifiers
    .WandaPruningModifier;
  expect(sparsity.map((s) => Number(s.toFixed(12)))).toEqual([0.55, 0.65]);
  expect(targets).toEqual(['re:.*\\.layers\\.\\d+$']);
  const again = await prunelab(['recipe', exported]);
  expect(again.out).toBe(written);
  const file = join(folder, 'recipe.yaml');
  const model = ['recipe', MODEL, '--sparsity', '0.6', '--beta', '0.1', '--out', file];
  expect((await prunelab(model)).code).toBe(0);
  expect(parse(readFileSync(file, 'utf8'))).toEqual(parse(written));
  expect((await prunelab(model)).err).toContain('SpecError: --out');
  const refused = await prunelab(['recipe', exported, '--beta', '0']);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('which --beta cannot change');
  const magnitude = await prunelab(['recipe', MODEL, '--pruner', 'magnitude', '--allocation', 'uniform']);
  expect(magnitude.code).toBe(2);
  expect(magnitude.err).toContain('Write the masks instead');
}

test('prune writes a verified folder; tampering is found; --spec runs the same again', async () => {
  const out = join(folder, 'pruned');
  const made = await prunelab([
    'prune',
    MODEL,
    '--beta',
    '0.1',
    '--sparsity',
    '0.6',
    ...SMALL,
    '--masks',
    '--recipe',
    '--out',
    out,
    '--json',
    '-',
    '--quiet',
  ]);
  expect(made.err).toBe('');
  expect(made.code).toBe(0);
  type Report = {
    id: string;
    sparsity: { achieved: number; matrices: Record<string, { zeros: number; count: number }> };
    perplexity: { pruned: number };
    errors: unknown;
  };
  const report = JSON.parse(made.out) as Report;
  expect(readdirSync(out).sort()).toEqual([
    'README.md',
    'apply_masks.py',
    'calibration.json',
    'config.json',
    'masks.safetensors',
    'model.safetensors',
    'oneshot.py',
    'pruning.json',
    'recipe.yaml',
    'tokenizer.json',
  ]);
  // 64 * (0.6 -+ 0.05) and 96 * (…), cut to whole columns in each row.
  const q = report.sparsity.matrices['model.layers.0.self_attn.q_proj.weight'];
  expect(q).toEqual({ zeros: 64 * Math.trunc(64 * 0.55), count: 4096 });
  expect((await prunelab(['verify', out])).code).toBe(0);
  await recipesAgree(out);

  const again = join(folder, 'again');
  const second = await prunelab([
    'prune',
    MODEL,
    '--spec',
    join(out, 'pruning.json'),
    '--out',
    again,
    '--json',
    '-',
    '--quiet',
  ]);
  const repeated = JSON.parse(second.out) as Report;
  expect(repeated.id).toBe(report.id);
  expect(repeated.errors).toEqual(report.errors);
  expect(
    readFileSync(join(again, 'model.safetensors')).equals(readFileSync(join(out, 'model.safetensors'))),
  ).toBe(true);

  const generated = await prunelab([
    'generate',
    MODEL,
    '--prompt',
    'The sea',
    '--pruned',
    out,
    '--max-tokens',
    '6',
    '--json',
    '-',
    '--quiet',
  ]);
  expect(JSON.parse(generated.out)).toMatchObject({
    prompt: 'The sea',
    dense: { ids: expect.any(Array) as unknown },
    pruned: { ids: expect.any(Array) as unknown },
  });

  const spoiled = join(folder, 'spoiled');
  cpSync(out, spoiled, { recursive: true });
  const bytes = readFileSync(join(spoiled, 'model.safetensors'));
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  writeFileSync(join(spoiled, 'model.safetensors'), bytes);
  const found = await prunelab(['verify', spoiled]);
  expect(found.code).toBe(1);
  expect(found.last).toMatch(/^prunelab: VerifyError: /);
  rmSync(join(spoiled, 'pruning.json'));
  expect((await prunelab(['verify', spoiled])).code).toBe(2);
});

test('sweep gives the curve in order, with the best among what was measured', async () => {
  const { code, out } = await prunelab([
    'sweep',
    MODEL,
    '--betas',
    '0.2,0,0.1,-0.1',
    '--sparsity',
    '0.7',
    ...SMALL,
    '--json',
    '-',
    '--quiet',
  ]);
  expect(code).toBe(0);
  type Point = { beta: number; perplexity: number; cumulative: number[] };
  const { curve, allocation } = JSON.parse(out) as {
    curve: { best: number; points: Point[] };
    allocation: { params: { beta: number } };
  };
  expect(curve.points.map((p) => p.beta)).toEqual([-0.1, 0, 0.1, 0.2]);
  const best = curve.points
    .filter((p) => p.beta >= 0)
    .reduce((a, b) => (b.perplexity < a.perplexity ? b : a));
  expect(curve.best).toBe(best.beta);
  expect(allocation.params.beta).toBe(best.beta);
  for (const p of curve.points) expect(p.cumulative).toHaveLength(2);

  const stored = join(folder, 'sweep.json');
  writeFileSync(stored, out);
  const again = await prunelab(['sweep', '--spec', stored, '--json', '-', '--quiet']);
  const { id } = JSON.parse(out) as { id: string };
  expect(JSON.parse(again.out)).toMatchObject({ id, curve });
});

test('a run is repeated: the same on this device; where masks differ, the exact share and the margin', async () => {
  const out = join(folder, 'original');
  const first = await prunelab(['prune', MODEL, '--beta', '0', '--seeds', '2,1', ...SMALL, '--out', out, '--json', '-', '--quiet']); // prettier-ignore
  expect([first.code, first.err]).toEqual([0, '']);
  interface Report {
    spec: { seed: number; seeds: number[] };
    device: { vendor: string };
    masks: Record<string, string>;
    margin: number;
    leakage: unknown[];
    model: { prunable: number };
    perplexity: { kl: number; topOne: number; mean: number; bySeed: { seed: number }[] };
    replay?: Record<string, unknown>;
    warnings: string[];
    timings?: unknown;
    memory?: unknown;
  }
  const report = JSON.parse(first.out) as Report;
  expect(report.spec).toMatchObject({ seed: 2, seeds: [2, 1] });
  expect(report.perplexity.bySeed.map(({ seed }) => seed)).toEqual([2, 1]);
  expect(report.perplexity.kl).toBeGreaterThan(0);
  expect(Object.keys(report.masks)).toHaveLength(14);
  expect(report.leakage).toEqual([]);

  const again = join(folder, 'repeated');
  const same = await prunelab(['prune', '--spec', out, '--out', again, '--json', '-']);
  expect(same.err).toContain('The run was repeated on the same device: every mask is the same.');
  const plain = ({ timings: _timings, memory: _memory, ...rest }: Report): unknown => rest;
  expect(plain(JSON.parse(same.out) as Report)).toEqual(plain(report));
  const weights = (dir: string): Buffer => readFileSync(join(dir, 'model.safetensors'));
  expect(weights(again).equals(weights(out))).toBe(true);

  // As another device would have left it: one more weight of one matrix is zero, and its mask has another hash.
  const name = 'model.layers.1.mlp.down_proj.weight';
  const bytes = weights(out);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<
    string,
    { shape: [number, number]; data_offsets: [number, number] }
  >;
  const { shape, data_offsets: [begin, end] } = header[name] ?? { shape: [1, 1], data_offsets: [0, 0] }; // prettier-ignore
  const width = (end - begin) / (shape[0] * shape[1]);
  let at = 8 + headerBytes + begin;
  while (bytes.subarray(at, at + width).every((byte) => byte === 0)) at += width;
  bytes.fill(0, at, at + width);
  writeFileSync(join(out, 'model.safetensors'), bytes);
  const stored = JSON.parse(readFileSync(join(out, 'pruning.json'), 'utf8')) as Report;
  stored.device.vendor = 'another';
  stored.masks[name] = '0'.repeat(64);
  writeFileSync(join(out, 'pruning.json'), JSON.stringify(stored));
  const moved = await prunelab(['prune', '--spec', join(out, 'pruning.json'), '--out', again, '--force', '--json', '-', '--quiet']); // prettier-ignore
  expect(moved.code).toBe(0);
  expect(moved.err).toMatch(/^prunelab: warning: The run was repeated on another device: .* of the prunable weights .*1 of 14 masks differ/m); // prettier-ignore
  const told = JSON.parse(moved.out) as Report;
  expect(told.replay).toMatchObject({
    sameDevice: false,
    sameMasks: false,
    matrices: 14,
    differingMatrices: 1,
    differing: 1 / report.model.prunable,
    byMatrix: { [name]: 1 / (shape[0] * shape[1]) },
    margin: report.margin,
  });
  expect(told.warnings.join()).toContain('1 of 14 masks differ');
});

test('texts that share windows are told, with the share and the remedy', async () => {
  const texts = join(folder, 'leaking');
  await prunelab(['texts', MODEL, '--out', texts, ...SMALL]);
  const report = join(texts, 'report.json');
  const { err, out } = await prunelab(['sweep', MODEL, '--betas', '0', '--select', report, '--report', report, ...SMALL, '--quiet', '--json', '-']); // prettier-ignore
  expect(err).toMatch(/^prunelab: warning: 100 % of the report text .*select text/m);
  expect(JSON.parse(out)).toMatchObject({ leakage: [{ pair: ['select', 'report'], share: 1, windows: 2 }] });
});

test('wrong input exits 2 with one last line that names it', async () => {
  const pickle = join(folder, 'pickle');
  cpSync(MODEL, pickle, { recursive: true });
  writeFileSync(
    join(pickle, 'model.safetensors'),
    Buffer.from([0x80, 0x02, 0x7d, 0x71, 0, 0, 0, 0, 0, 0, 0, 0]),
  );
  const unsupported = join(folder, 'unsupported');
  cpSync(MODEL, unsupported, { recursive: true });
  const config = JSON.parse(readFileSync(join(MODEL, 'config.json'), 'utf8')) as object;
  writeFileSync(join(unsupported, 'config.json'), JSON.stringify({ ...config, model_type: 'mamba' }));
  const cases: [string[], RegExp][] = [
    [['prune', MODEL, '--beta', '5', '--out', join(folder, 'x')], /^prunelab: SpecError: Beta 5 .*0\.6/],
    [
      ['prune', MODEL, '--pattern', '2:4', '--sparsity', '0.6', '--out', join(folder, 'x')],
      /^prunelab: SpecError: .*2:4/,
    ],
    [['prune', MODEL, '--pattern', '2:5', '--out', join(folder, 'x')], /^prunelab: SpecError: .*64 inputs/],
    [['sweep', MODEL, '--seeds', '1,1'], /^prunelab: SpecError: --seeds: Seed 1 is listed twice/],
    [['sweep', MODEL, '--seed', '3', '--seeds', '1,2'], /^prunelab: SpecError: .*main seed 3/],
    [['prune', MODEL, '--set', 'nothing=1', '--out', join(folder, 'x')], /^prunelab: SpecError: .*nothing/],
    [['eval', MODEL, '--window', '100000'], /^prunelab: TextError: .*256/],
    [['eval', join(folder, 'not-there')], /^prunelab: FetchError: .*not-there/],
    [['info', pickle], /^prunelab: FormatError: .*model\.safetensors/],
    [['info', unsupported], /^prunelab: ModelError: .*mamba/],
    [['frobnicate'], /^prunelab: SpecError: .*frobnicate/],
  ];
  for (const [args, last] of cases) {
    const outcome = await prunelab([...args, '--quiet', '--json', '-']);
    expect([args, outcome.code, outcome.out]).toEqual([args, 2, '']);
    expect(outcome.last).toMatch(last);
    expect(outcome.err.trim().split('\n')).toHaveLength(1);
  }
  expect(existsSync(join(folder, 'x'))).toBe(false);
});

for (const signal of ['SIGINT', 'SIGHUP'] as const) {
  test(`${signal} exits 130 and leaves nothing half-written`, async () => {
    const out = join(folder, 'cancelled');
    const before = readdirSync(folder);
    const { code, last } = await prunelab(
      ['prune', MODEL, '--out', out, '--window', '256', '--windows', '16'],
      { ms: 300, signal },
    );
    expect(code).toBe(130);
    expect(last).toMatch(/^prunelab: CancelledError: /);
    expect(readdirSync(folder)).toEqual(before);
  });
}

for (const [signal, ms] of [
  ['SIGINT', 0],
  ['SIGTERM', 60],
  ['SIGINT', 150],
] as const) {
  test(`${signal} ${ms} ms after the program began to listen is heard, whatever is still being read`, async () => {
    // Sent from inside as soon as there is a listener: Node itself takes a while to begin.
    const preload = `const t=setInterval(()=>{if(process.listenerCount('${signal}')){clearInterval(t);setTimeout(()=>process.kill(process.pid,'${signal}'),${ms})}},1)`;
    const nodeArgs = ['--import', `data:text/javascript,${encodeURIComponent(preload)}`];
    const { code, out, last } = await prunelab(['eval', MODEL, ...SMALL], undefined, nodeArgs);
    expect([code, out]).toEqual([130, '']);
    expect(last).toMatch(/^prunelab: CancelledError: /);
  });
}

test('past runs are kept, shown and run again by their id; an exported folder is a spec too', async () => {
  const out = join(folder, 'kept');
  const made = await prunelab([
    'prune',
    MODEL,
    '--beta',
    '0.1',
    ...SMALL,
    '--out',
    out,
    '--json',
    '-',
    '--quiet',
  ]);
  const report = JSON.parse(made.out) as { id: string; perplexity: { pruned: number } };
  type Listed = { runs: { id: string; command: string; perplexity: object }[] };
  const listed = JSON.parse((await prunelab(['runs', '--json', '-'])).out) as Listed;
  expect(listed.runs.find(({ id }) => id === report.id)).toMatchObject({ command: 'prune', beta: 0.1 });
  const shown = await prunelab(['runs', 'show', report.id.slice(0, 12), '--json', '-']);
  expect(JSON.parse(shown.out)).toMatchObject({ id: report.id, perplexity: report.perplexity });
  for (const spec of [`run:${report.id.slice(0, 12)}`, out]) {
    const again = await prunelab(['prune', '--spec', spec, '--out', join(folder, 'anew'), '--force', '--no-history', '--json', '-', '--quiet']); // prettier-ignore
    expect(again.err).toBe('');
    expect(JSON.parse(again.out)).toMatchObject({ id: report.id, perplexity: report.perplexity });
  }
  const other = await prunelab(['eval', out, '--spec', out, '--no-history', '--quiet']);
  expect(other.err).toMatch(/^prunelab: warning: The weights differ from those of/m);
  const count = listed.runs.length;
  expect((await prunelab(['runs', 'delete', report.id, '--json', '-'])).out).toContain('"deleted": 1');
  const left = JSON.parse((await prunelab(['runs', '--json', '-'])).out) as Listed;
  expect(left.runs).toHaveLength(count - 1);
});

test('a place that cannot be written, or that holds the model, is refused before the work', async () => {
  const model = join(folder, 'precious');
  cpSync(MODEL, model, { recursive: true });
  const file = join(folder, 'a-file');
  writeFileSync(file, '');
  const before = readdirSync(folder);
  const cases: [string[], RegExp][] = [
    [['prune', model, '--out', model, '--force'], /^prunelab: SpecError: .*would remove/],
    [['prune', model, '--out', folder, '--force'], /^prunelab: SpecError: .*would remove/],
    [['prune', model, '--out', join(file, 'x')], /^prunelab: SpecError: .*ENOTDIR/],
    [
      ['prune', model, '--out', join(folder, 'x'), '--json', join(file, 'r.json')],
      /^prunelab: FetchError: .*ENOTDIR/,
    ],
    [
      ['prune', model, '--out', join(folder, 'x'), '--json', folder],
      /^prunelab: SpecError: --json .* is a folder/,
    ],
  ];
  for (const [args, last] of cases) {
    const outcome = await prunelab([...args, '--quiet']);
    expect([args, outcome.code, outcome.out]).toEqual([args, 2, '']);
    expect(outcome.last).toMatch(last);
  }
  expect(readdirSync(folder)).toEqual(before);
  expect(readdirSync(model).sort()).toEqual(readdirSync(MODEL).sort());
});
