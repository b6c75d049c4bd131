/** The worker's side of the tokenizer: answers requests one by one. Shared by page and Node. */
import { LabError } from '../core/errors';
import type { TokenizerReply, TokenizerRequest } from './tokenizer';
import { TokenizerEngine } from './tokenizerEngine';

/** How often progress is told, at most. */
const BEAT_MS = 500;

export function tokenizerServer(send: (reply: TokenizerReply) => void): (request: TokenizerRequest) => void {
  let engine: TokenizerEngine | null = null;
  const beats = (id: number): (() => void) => {
    let lastMs = performance.now();
    return () => {
      const nowMs = performance.now();
      if (nowMs - lastMs < BEAT_MS) return;
      lastMs = nowMs;
      send({ id, op: 'beat' });
    };
  };
  const answer = (request: TokenizerRequest): TokenizerReply => {
    const { id } = request;
    if (request.op === 'open') {
      engine = new TokenizerEngine(request.files);
      return {
        id,
        op: 'open',
        info: { vocabularySize: engine.vocabularySize, specialIds: engine.specialIds },
      };
    }
    if (!engine) throw new LabError('InternalError', 'The tokenizer is not open.');
    if (request.op === 'encode') return { id, op: 'encode', ids: engine.encode(request.text, beats(id)) };
    if (request.op === 'encodeAll') {
      const [open, beat] = [engine, beats(id)];
      return {
        id,
        op: 'encodeAll',
        ids: request.texts.map((text) => open.encode(text, beat, request.special)),
      };
    }
    return { id, op: 'decode', text: engine.decode(request.ids) };
  };
  return (request) => {
    try {
      send(answer(request));
    } catch (error) {
      send({ id: request.id, op: 'error', error: asLabError(error).toPlain() });
    }
  };
}

/** Odd files can make the library fail on a text long after it has accepted them. */
function asLabError(error: unknown): LabError {
  if (error instanceof LabError) return error;
  const reason = error instanceof Error ? error.message.slice(0, 200) : String(error);
  return new LabError('TextError', `The tokenizer failed: ${reason}.`, 'Give token ids instead of text.', {
    cause: error,
  });
}
