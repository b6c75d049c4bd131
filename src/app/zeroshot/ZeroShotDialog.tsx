/** Zero-shot tasks: what is asked, how the dense and the pruned model answer, what that says. */
import './zeroshot.css';
import { useStore } from 'zustand';
import type { ZeroShotRecord } from '../../core/zeroshot';
import { recordVerdict, taskVerdict } from '../../core/zeroshotWords';
import { saveJson } from '../charts/csv';
import { percent } from '../format';
import { useLab } from '../hooks/useLab';
import { JobProgress } from '../panels/JobProgress';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import { ScoresFigure } from './ScoresFigure';
import { Setup } from './Setup';
import { stop, zeroShotStore } from './zeroShot';

export default function ZeroShotDialog() {
  const lab = useLab();
  const record = useStore(zeroShotStore, (state) => state.record);
  const job = useStore(zeroShotStore, (state) => state.job);
  return (
    <Modal title="Zero-shot tasks" wide onClose={() => uiStore.setState({ dialog: null })}>
      <p className="hint">
        Each option of an item is scored by the log-probability that the model gives it; nothing is generated.
        Small models guess at most tasks: their margin, and the next-sentence set, say more than the accuracy.
      </p>
      <Setup />
      {job !== null && <JobProgress job={job} label="Zero-shot tasks" onStop={() => stop(lab)} />}
      {record && <Results record={record} />}
    </Modal>
  );
}

/** A figure stays on one line with its sign, its spread or its letter. */
const unbroken = (words: string): string =>
  words.replaceAll(' %', '\u202f%').replaceAll(/ (?=[±<=])|(?<=[±<=]) /g, '\u00a0');

function Results({ record }: { record: ZeroShotRecord }) {
  const { model, pruned, tasks, warnings } = record;
  const beside = pruned ? `, dense beside ${percent(pruned.sparsity, 1)} zeros` : ', dense';
  const save = (): void =>
    saveJson(record, `prunelab-zeroshot-${model.name.replaceAll(/[^\w.-]+/g, '_')}.json`);
  return (
    <div className="zeroshot-results">
      <ScoresFigure record={record} subject={`${model.name}${beside}`} />
      <section aria-label="What the tasks say">
        {tasks.map((task) => (
          <div key={`${task.task} ${task.source}`}>
            <h3>
              {task.title} <small>{task.source}</small>
            </h3>
            {taskVerdict(task).map((words) => (
              <p key={words}>{unbroken(words)}</p>
            ))}
          </div>
        ))}
        {[...recordVerdict(record), ...warnings].map((words) => (
          <p key={words} className="hint">
            {unbroken(words)}
          </p>
        ))}
      </section>
      <div className="dialog-actions">
        <button type="button" className="button small" onClick={save}>
          Save JSON
        </button>
      </div>
    </div>
  );
}
