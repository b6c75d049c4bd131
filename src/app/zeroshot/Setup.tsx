import { useRef, type DragEvent } from 'react';
import { useStore } from 'zustand';
import { ZERO_SHOT_TASKS, type ZeroShotTask } from '../../core/zeroshot';
import { FileInput } from '../controls/FileInput';
import { NumberField, Segments, Switch } from '../controls/fields';
import { useLab, useRun } from '../hooks/useLab';
import { addFiles, change, requestsOf, start, zeroShotStore } from './zeroShot';

const TITLES: Record<ZeroShotTask, string> = {
  cloze: 'Next sentence',
  boolq: 'BoolQ',
  rte: 'RTE',
  hellaswag: 'HellaSwag',
  winogrande: 'WinoGrande',
  arc_easy: 'ARC-easy',
  arc_challenge: 'ARC-challenge',
  openbookqa: 'OpenBookQA',
  piqa: 'PIQA',
};
const OF_HUB = ZERO_SHOT_TASKS.filter((task) => task !== 'cloze');
const MODES = [
  { value: 'paper', label: 'As the papers' },
  { value: 'harness', label: 'As lm-eval' },
] as const;

/** Which tasks, and how they are read. */
export function Setup() {
  const lab = useLab();
  const state = useStore(zeroShotStore);
  const ready = useRun(({ phase, model }) => phase === 'ready' && model !== null);
  const busy = state.job !== null;
  return (
    <form
      className="zeroshot-setup"
      onDragEnter={keep}
      onDragLeave={keep}
      onDragOver={keep}
      onDrop={(event) => {
        keep(event);
        void addFiles([...event.dataTransfer.files]);
      }}
      onSubmit={(event) => {
        event.preventDefault();
        void start(lab);
      }}
    >
      <fieldset className="compare-checks" disabled={busy}>
        <legend>Tasks</legend>
        <Tick label="Next sentence (bundled)" on={state.cloze} onChange={(cloze) => change({ cloze })} />
        {OF_HUB.map((task) => (
          <Tick
            key={task}
            label={TITLES[task]}
            title="Fetched from the Hugging Face Hub when it is run"
            on={state.hub.includes(task)}
            onChange={(on) =>
              change({ hub: OF_HUB.filter((t) => (t === task ? on : state.hub.includes(t))) })
            }
          />
        ))}
      </fieldset>
      <Files disabled={busy} />
      <div className="zeroshot-options">
        <Segments
          label="Special tokens"
          value={state.mode}
          options={MODES}
          onChange={(mode) => change({ mode })}
        />
        <NumberField
          label="Items at most"
          value={state.limit}
          placeholder="all"
          min={1}
          onCommit={(limit) => change({ limit })}
        />
        <Switch
          label="Also the pruned model"
          checked={state.pruned}
          disabled={busy}
          onChange={(pruned) => change({ pruned })}
        />
      </div>
      <div className="dialog-actions">
        <button
          type="submit"
          className="button primary"
          disabled={!ready || busy || requestsOf(state).length === 0}
        >
          Run tasks
        </button>
      </div>
    </form>
  );
}

/** The page behind would take a dropped file for a model or a text. */
function keep(event: DragEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

interface TickProps {
  label: string;
  title?: string;
  on: boolean;
  onChange: (on: boolean) => void;
}

function Tick({ label, title, on, onChange }: TickProps) {
  return (
    <label title={title}>
      <input type="checkbox" checked={on} onChange={(event) => onChange(event.currentTarget.checked)} />
      {label}
    </label>
  );
}

/** Files of JSON lines, each with the task that its fields belong to. */
function Files({ disabled }: { disabled: boolean }) {
  const files = useStore(zeroShotStore, (state) => state.files);
  const input = useRef<HTMLInputElement>(null);
  return (
    <fieldset className="zeroshot-files" disabled={disabled}>
      <legend>Your own items</legend>
      {files.map((file) => (
        <p key={file.name}>
          <span>{file.name}</span>
          <select
            aria-label={`Task of ${file.name}`}
            value={file.task}
            onChange={(event) => {
              const task = ZERO_SHOT_TASKS.find((id) => id === event.currentTarget.value) ?? 'cloze';
              change({ files: files.map((f) => (f === file ? { ...f, task } : f)) });
            }}
          >
            {ZERO_SHOT_TASKS.map((task) => (
              <option key={task} value={task}>
                {TITLES[task]}
              </option>
            ))}
          </select>
          <button
            type="button"
            className="button small quiet"
            aria-label={`Remove ${file.name}`}
            onClick={() => change({ files: files.filter((f) => f !== file) })}
          >
            Remove
          </button>
        </p>
      ))}
      <p>
        <button type="button" className="button small" onClick={() => input.current?.click()}>
          Choose files…
        </button>
        <span className="hint">or drop them here: JSON lines in a data set’s own fields</span>
      </p>
      <FileInput
        ref={input}
        pick="zeroshot"
        accept=".jsonl,.json"
        multiple
        onPick={(picked) => void addFiles(picked.map(({ file }) => file))}
      />
    </fieldset>
  );
}
