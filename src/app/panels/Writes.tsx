import { useState } from 'react';
import { NumberField } from '../controls/fields';
import { compact, percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import type { GenerateSide } from '../../session/protocol';
import { splitAtDifference } from '../lab/difference';

const PROMPT = 'The captain stood upon the deck and';

/** The dense and the pruned model side by side on the same prompt. */
export function Writes() {
  const lab = useLab();
  const [prompt, setPrompt] = useState(PROMPT);
  const [options, setOptions] = useState({ maxTokens: 48, temperature: 0, seed: 0 });
  const generation = useRun((state) => state.generation);
  const sparsity = useSpec(({ spec }) => spec.sparsity);
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  const running = generation?.running ?? false;
  const denseText = generation?.result?.dense.text ?? generation?.dense ?? '';
  const prunedText = generation?.result?.pruned?.text ?? generation?.pruned ?? '';
  const split = splitAtDifference(denseText, prunedText, running);
  return (
    <section className="card writes" aria-labelledby="writes-title">
      <h2 id="writes-title">What it writes</h2>
      <form
        className="prompt"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready && !running && prompt.trim() !== '') void lab.generate({ prompt, ...options });
        }}
      >
        <input
          aria-label="Prompt"
          value={prompt}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => setPrompt(event.currentTarget.value)}
        />
        <button type="submit" className="button" disabled={!ready || running || prompt.trim() === ''}>
          Generate
        </button>
        <details className="fold prompt-options">
          <summary>
            {options.temperature === 0
              ? 'greedy'
              : `temperature ${options.temperature}, seed ${options.seed}`}
            , {options.maxTokens} tokens
          </summary>
          <div className="fold-grid">
            <NumberField
              label="Temperature"
              value={options.temperature}
              max={4}
              integer={false}
              onCommit={(v) => v !== null && setOptions({ ...options, temperature: v })}
            />
            <NumberField
              label="Sampling seed"
              value={options.seed}
              max={2 ** 32 - 1}
              onCommit={(v) => v !== null && setOptions({ ...options, seed: v })}
            />
            <NumberField
              label="Tokens"
              value={options.maxTokens}
              min={1}
              max={512}
              onCommit={(v) => v !== null && setOptions({ ...options, maxTokens: v })}
            />
          </div>
        </details>
      </form>
      <div className="sides">
        <Side
          title="Dense"
          side={generation?.result?.dense}
          parts={split.dense}
          prompt={generation?.prompt}
          running={running}
        />
        <Side
          title={generation?.prunedLabel ?? `Pruned, ${percent(sparsity)} zeros`}
          side={generation?.result?.pruned}
          parts={split.pruned}
          prompt={generation?.prompt}
          running={running}
        />
      </div>
      {generation?.result && <p className="hint">{verdict(generation.result.firstDifference)}</p>}
    </section>
  );
}

function verdict(firstDifference: number | null | undefined): string {
  if (firstDifference === undefined) return 'Nothing is pruned, so there is one text.';
  if (firstDifference === null) return 'Both wrote the same tokens.';
  return `The first difference is at token ${firstDifference + 1}; from there on each reads its own text.`;
}

interface SideProps {
  title: string;
  side: GenerateSide | undefined;
  parts: { same: string; first: string; rest: string };
  prompt: string | undefined;
  running: boolean;
}

function Side({ title, side, parts, prompt, running }: SideProps) {
  const empty = parts.same === '' && parts.first === '';
  return (
    <div className="side">
      <h3>
        {title}{' '}
        <small>
          {side ? `${compact(side.tokensPerSecond)} tokens/s${side.format ? ` (${side.format})` : ''}` : ''}
        </small>
      </h3>
      {prompt === undefined ? (
        <p className="side-empty">Press Generate to let it continue the prompt.</p>
      ) : (
        <p className="side-text">
          <span className="side-prompt">{prompt}</span>
          {parts.same}
          {parts.first !== '' && <mark>{parts.first}</mark>}
          {parts.rest}
          {running && empty && <span className="caret" />}
        </p>
      )}
    </div>
  );
}
