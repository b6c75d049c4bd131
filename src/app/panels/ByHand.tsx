/** What goes with rates by hand: what they come to, the mean kept, a list from a file and to one. */
import { useRef } from 'react';
import { LabError } from '../../core/errors';
import { saveBlob } from '../charts/csv';
import { FileInput } from '../controls/FileInput';
import { percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { drawable, keepMean, layerMeans, meanOf, parseRates, writeRates } from '../stores/byHand';

const MAX_BYTES = 64 << 20;
/** Means that read alike at two decimals of a percent. */
const SAME = 5e-5;

export default function ByHand() {
  const lab = useLab();
  const input = useRef<HTMLInputElement>(null);
  const { layerSparsity: rates, sparsity } = useSpec(({ spec }) => spec);
  const model = useRun((state) => state.model);
  if (!rates || !model) return null;
  const mean = meanOf(rates, model);
  const byLayer = Array.isArray(rates);

  const load = async (file: File): Promise<void> => {
    try {
      if (file.size > MAX_BYTES)
        throw new LabError(
          'SpecError',
          `${file.name} has ${file.size} bytes; at most ${MAX_BYTES} are read.`,
        );
      lab.commit({ allocation: 'custom', layerSparsity: parseRates(file.name, await file.text(), model) });
    } catch (cause) {
      lab.jobs.report(LabError.from(cause));
    }
  };

  return (
    <div className="by-hand">
      <p className="hint">
        {byLayer
          ? `One rate for each layer, ${model.layers} in all. Draw them in “Sparsity per layer”, or move its points with the arrow keys.`
          : `One rate for each of the ${model.matrices.length} matrices, from a file. “Sparsity per layer” shows the mean of each layer.`}
      </p>
      <p className="by-hand-mean">
        Mean <b>{percent(mean, 2)}</b> of the weights
        {Math.abs(mean - sparsity) > SAME && <>; Sparsity asks for {percent(sparsity, 2)}</>}
      </p>
      <div className="by-hand-actions">
        <button
          type="button"
          className="button small"
          disabled={Math.abs(mean - sparsity) <= SAME}
          onClick={() => lab.commit({ layerSparsity: keepMean(rates, model, sparsity) })}
        >
          Keep the mean
        </button>
        {!byLayer && (
          <button
            type="button"
            className="button small"
            onClick={() => lab.commit({ layerSparsity: drawable(layerMeans(rates, model)) })}
          >
            Draw by layer
          </button>
        )}
        <button type="button" className="button small" onClick={() => input.current?.click()}>
          Load a list…
        </button>
        <button
          type="button"
          className="button small"
          onClick={() =>
            saveBlob(new Blob([writeRates(rates)], { type: 'application/json' }), 'layer-sparsity.json')
          }
        >
          Save the list
        </button>
      </div>
      <FileInput
        ref={input}
        pick="rates"
        accept=".json,application/json"
        onPick={([{ file }]) => void load(file)}
      />
    </div>
  );
}
