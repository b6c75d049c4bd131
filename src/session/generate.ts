/** Text from the dense and the pruned model, side by side. */
import { LabError } from '../core/errors';
import { Rng } from '../core/rng';
import type { StorageFormat } from '../core/sparseSizes';
import type { LabSpec } from '../core/spec';
import type { Recorder } from '../gpu/recorder';
import type { Scope } from '../gpu/scope';
import { DecodingSession, pickToken, type LayerView, type PrefillView } from '../models/generate';
import type { TokenizerHandle } from '../formats/tokenizer';
import { keptWeight, MaskedLayer, type PrunedLayer } from '../pruning/masks';
import type { MaskState } from './engine';
import { foundPattern } from './foundPruning';
import type { JobIo, Lab } from './lab';
import type { GenerateRequest, GenerateResult, GenerateSide } from './protocol';
import type { FormatModel } from './speed/formats';

interface Side {
  name: 'dense' | 'pruned';
  pruned: MaskState | null;
  /** What it is read from; absent for the loaded weights, with masks where it is pruned. */
  format?: StorageFormat | 'auto';
  pattern?: string;
}

/** `pruned` null: the dense side only. The pruned side uses the masks of that spec and beta. */
export async function generate(
  lab: Lab,
  pruned: { spec: LabSpec; beta: number } | null,
  request: GenerateRequest,
  io: JobIo,
): Promise<GenerateResult> {
  const { engine, texts, plan } = lab.loaded;
  const tokenizer = await texts.tokenizer();
  const prompt = await promptIds(tokenizer, request.prompt, plan.config.vocabulary);
  const room = plan.config.cachedContext - prompt.length;
  if (room < 1) {
    throw new LabError(
      'TextError',
      `The prompt has ${prompt.length} tokens; the model's context is ${plan.config.cachedContext}.`,
      'Use a shorter prompt.',
    );
  }
  const stops = new Set([...tokenizer.specialIds.eos, ...configStops(plan.opened.config)]);
  return lab.withRecorder(io, 'Generating', async (rec, meter) => {
    const { format } = request;
    const sides: Side[] = [{ name: 'dense', pruned: null, ...(pruned || !format ? {} : { format }) }];
    if (pruned)
      sides.push({
        name: 'pruned',
        ...(format ? { format } : {}),
        pattern: pruned.spec.pattern,
        pruned: await lab.masks(pruned.spec, pruned.beta, rec, {
          total: () => undefined,
          add: () => undefined,
        }),
      });
    const max = Math.min(request.maxTokens, room);
    meter.total(sides.length * max * engine.tokenUnits);
    const made: GenerateSide[] = [];
    for (const side of sides) {
      made.push(
        await oneSide(rec, lab, tokenizer, side, prompt, { ...request, maxTokens: max }, stops, (text) => {
          meter.add(engine.tokenUnits);
          io.emit({ type: 'token', job: io.job, side: side.name, text });
        }),
      );
    }
    const [dense, other] = made as [GenerateSide, GenerateSide | undefined];
    return {
      prompt: request.prompt,
      dense,
      ...(other ? { pruned: other, firstDifference: firstDifference(dense.ids, other.ids) } : {}),
    };
  });
}

/** Index of the first token that differs, the shorter length where one ends earlier, null when all are equal. */
export function firstDifference(a: readonly number[], b: readonly number[]): number | null {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return i;
  return a.length === b.length ? null : shared;
}

async function promptIds(
  tokenizer: TokenizerHandle,
  prompt: string,
  vocabulary: number,
): Promise<Uint32Array> {
  const ids = await tokenizer.encode(prompt);
  if (ids.length === 0) {
    const start = tokenizer.specialIds.bos ?? tokenizer.specialIds.eos[0];
    if (start === undefined)
      throw new LabError(
        'TextError',
        'The prompt is empty and the tokenizer has no token to begin with.',
        'Write at least one word.',
      );
    ids.push(start);
  }
  const bad = ids.find((id) => id >= vocabulary);
  if (bad !== undefined)
    throw new LabError(
      'TextError',
      `Token id ${bad} of the prompt is outside the embedding of ${vocabulary} rows.`,
      'The tokenizer does not belong to this model.',
    );
  return Uint32Array.from(ids);
}

function configStops(config: Record<string, unknown>): number[] {
  const eos = config['eos_token_id'];
  return (Array.isArray(eos) ? eos : [eos]).filter((id): id is number => typeof id === 'number');
}

/** The model in a storage format; null for the loaded weights. */
async function formatOf(rec: Recorder, lab: Lab, scope: Scope, side: Side): Promise<FormatModel | null> {
  if (side.format === undefined || side.format === 'dense') return null;
  const { openFormat } = await import('./speed/fastest');
  const pattern = side.pattern ?? (await foundPattern(lab.loaded.engine.model));
  return openFormat(lab, rec, scope, { layers: side.pruned?.layers ?? null, pattern }, side.format);
}

async function oneSide(
  rec: Recorder,
  lab: Lab,
  tokenizer: TokenizerHandle,
  side: Side,
  prompt: Uint32Array,
  request: GenerateRequest,
  stops: ReadonlySet<number>,
  onToken: (text: string) => void,
): Promise<GenerateSide> {
  const { engine } = lab.loaded;
  const { decoder } = engine;
  const scope = engine.ctx.root.child();
  try {
    const stored = await formatOf(rec, lab, scope, side);
    decoder.ensurePositions(prompt.length + request.maxTokens);
    const session = new DecodingSession(
      rec,
      scope,
      decoder,
      prompt.length,
      prompt.length + request.maxTokens,
    );
    const masked = side.pruned && !stored ? new MaskedLayer(engine.ctx, scope, engine.model) : null;
    await session.ready();
    const layerOf = (layer: number): PrunedLayer | undefined => side.pruned?.layers[layer];
    const prefill: PrefillView = async (layer) => {
      const ofLayer = layerOf(layer);
      if (!masked || !ofLayer) return decoder.dense(layer);
      await masked.use(rec, layer, ofLayer);
      return masked.view(rec);
    };
    const decode: LayerView = (layer) => (name) => {
      const ofLayer = layerOf(layer);
      if (!ofLayer) return decoder.dense(layer)(name);
      return { weight: keptWeight(engine.model, ofLayer, layer, name), mask: ofLayer.masks[name] };
    };
    const rng = new Rng(request.seed, 'generation');
    let logits = await session.feed(prompt, stored?.view ?? prefill);
    const ids: number[] = [];
    const startMs = performance.now();
    let decoded = 0;
    for (;;) {
      const next = pickToken(logits, request.temperature, rng);
      if (stops.has(next)) break;
      ids.push(next);
      onToken(await tokenizer.decode(ids));
      if (ids.length >= request.maxTokens) break;
      logits = await session.feed(Uint32Array.of(next), stored?.view ?? decode);
      decoded += 1;
    }
    const seconds = (performance.now() - startMs) / 1000;
    return {
      ids,
      text: await tokenizer.decode(ids),
      tokensPerSecond: decoded > 0 && seconds > 0 ? decoded / seconds : 0,
      ...(stored ? { format: stored.format } : {}),
    };
  } finally {
    scope.close();
  }
}
