import { useRef } from 'react';
import { parseSeeds, type LabSpec, type TextName } from '../../core/spec';
import { HUB_TEXTS, isHubText } from '../../formats/hubId';
import { FileInput } from '../controls/FileInput';
import { NumberField, Segments, Switch, TextField } from '../controls/fields';
import { useLab, useRun, useSpec } from '../hooks/useLab';

/** Fields of the calibration fold. */
export default function CalibrationFields() {
  const lab = useLab();
  const spec = useSpec((state) => state.spec);
  const context = useRun(({ model }) => model?.context ?? 256);
  const window = spec.window ?? Math.min(256, context);
  return (
    <>
      <div className="fold-grid">
        <NumberField
          label="Samples"
          value={spec.samples}
          min={1}
          max={4096}
          onCommit={(v) => v !== null && lab.commit({ samples: v })}
        />
        <NumberField
          label="Window, tokens"
          value={spec.window}
          placeholder={String(window)}
          min={2}
          max={context}
          onCommit={(value) => lab.commit({ window: value })}
        />
        <NumberField
          label="Windows"
          value={spec.windows}
          min={1}
          max={4096}
          onCommit={(v) => v !== null && lab.commit({ windows: v })}
        />
        <NumberField
          label="Seed"
          value={spec.seed}
          max={Number.MAX_SAFE_INTEGER}
          onCommit={(v) => v !== null && lab.commit(withSeed(spec, v))}
        />
        <TextField
          label="Seeds to compare"
          text={spec.seeds?.join(', ') ?? ''}
          placeholder="only this one"
          parse={readSeeds}
          onCommit={(seeds) => lab.commit(withSeeds(spec, seeds))}
        />
      </div>
      <p className="hint">
        {spec.seeds && spec.seeds.length > 1
          ? `Each run and each point of a sweep is measured with ${spec.seeds.length} draws of the calibration text, and takes ${spec.seeds.length} times as long. Seed ${spec.seed} is the one that is drawn in the error chart and exported.`
          : 'Which calibration windows are drawn changes the figures a little. Several seeds, such as 0, 1, 2, show by how much.'}
      </p>
      <p className="field-label">Errors are measured on</p>
      <Segments
        label="Errors are measured on"
        value={spec.errorsOn}
        options={[
          { value: 'calibration', label: 'Calibration' },
          { value: 'select', label: 'Select' },
          { value: 'report', label: 'Report' },
        ]}
        onChange={(errorsOn) => lab.commit({ errorsOn })}
      />
      <Switch
        label="Exact statistics"
        help="Each layer is judged on what the pruned layers before it hand over; off: on the dense model, faster"
        checked={spec.stats === 'exact'}
        onChange={(exact) => lab.commit({ stats: exact ? 'exact' : 'dense' })}
      />
      <p className="field-label">Texts</p>
      <TextRow which="calibration" use="decides which weights matter" />
      <TextRow which="select" use="chooses beta" />
      <TextRow which="report" use="gives the headline figure" />
      {Object.values(spec.texts).some(isHubText) && (
        <p className="hint">
          Texts of the Hub are downloaded with the first run, kept in this browser, and named with their
          commit in the report.
        </p>
      )}
      <p className="hint">
        A .txt file, or .json with windows of token ids. Keep the three apart, or the figures flatter
        themselves.
      </p>
    </>
  );
}

/** null: no list; undefined: not a list of seeds. */
function readSeeds(text: string): number[] | null | undefined {
  if (text.trim() === '') return null;
  try {
    return parseSeeds('Seeds', text);
  } catch {
    return undefined;
  }
}

/** The main seed stays where it is in the list, else the first of the list takes its place. */
function withSeeds({ seed }: LabSpec, seeds: number[] | null): Partial<LabSpec> {
  if (!seeds) return { seeds: undefined };
  return { seeds, seed: seeds.includes(seed) ? seed : (seeds[0] ?? seed) };
}

/** Another main seed; in a list it takes the place of the one before. */
function withSeed({ seed, seeds }: LabSpec, next: number): Partial<LabSpec> {
  if (!seeds || seeds.includes(next)) return { seed: next };
  return { seed: next, seeds: seeds.map((s) => (s === seed ? next : s)) };
}

const HUB_TEXT_LABELS: Partial<Record<string, string>> = {
  'hf:wikitext-2/train': 'Hub: WikiText-2, train',
  'hf:wikitext-2/validation': 'Hub: WikiText-2, validation',
  'hf:wikitext-2/test': 'Hub: WikiText-2, test',
  'hf:c4': 'Hub: C4, train',
  'hf:c4/validation': 'Hub: C4, validation',
};

function TextRow({ which, use }: { which: TextName; use: string }) {
  const lab = useLab();
  const input = useRef<HTMLInputElement>(null);
  const name = useSpec(({ spec }) => spec.texts[which]);
  const ofHub = isHubText(name);
  const own = name !== 'bundled' && !ofHub;
  const corpora = HUB_TEXTS.filter((text) => which === 'calibration' || text !== 'hf:c4');
  return (
    <div className="text-row">
      <span>
        <b>{which}</b> {use}
        <small>{own || ofHub ? name : 'bundled slice of Moby-Dick'}</small>
      </span>
      <span className="text-choice">
        <select
          aria-label={`Source of the ${which} text`}
          value={own ? 'own' : name}
          onChange={(event) => lab.useText(which, event.currentTarget.value)}
        >
          <option value="bundled">Bundled</option>
          {corpora.map((text) => (
            <option key={text} value={text}>
              {HUB_TEXT_LABELS[text] ?? text}
            </option>
          ))}
          {ofHub && !HUB_TEXTS.includes(name) && <option value={name}>{name}</option>}
          {own && <option value="own">Your file</option>}
        </select>
        {own ? (
          <button type="button" className="button small" onClick={() => void lab.setText(which, null)}>
            Use bundled
          </button>
        ) : (
          <button
            type="button"
            className="button small"
            aria-label={`Choose the ${which} text`}
            onClick={() => input.current?.click()}
          >
            File…
          </button>
        )}
      </span>
      <FileInput
        ref={input}
        pick={`text-${which}`}
        accept=".txt,.json"
        onPick={([{ file }]) => void lab.setText(which, file)}
      />
    </div>
  );
}
