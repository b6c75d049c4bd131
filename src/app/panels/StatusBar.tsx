import { bytes, duration, percent, short } from '../format';
import { Icon } from '../icons';
import { useLab, useRun } from '../hooks/useLab';
import { useThrottled } from '../hooks/useThrottled';
import { BACKGROUND_JOBS } from '../../session/protocol';
import type { JobRecord } from '../stores/runStore';

/** What the engine is doing now, in one line. */
export function StatusBar() {
  const lab = useLab();
  const jobs = useRun((state) => state.jobs);
  const last = useRun((state) => state.lastMessage);
  // Foreground work is what the user waits for; the rest is behind it.
  const job = jobs.find(({ kind }) => !BACKGROUND_JOBS.includes(kind)) ?? jobs[0];
  const message = useThrottled(job ? describe(job) : last, 1000);
  return (
    <footer className="status-bar">
      {job && (
        <progress
          aria-label={job.stage}
          {...(job.total > 0 && { max: job.total, value: Math.min(job.done, job.total) })}
        />
      )}
      <p role="status" aria-label="Engine" className="status-text">
        {message}
      </p>
      <p className="private">
        <Icon name="lock" />
        Nothing leaves this machine
        <span className="private-detail">: models, texts and results stay in this browser.</span>
      </p>
      {job && (
        <button type="button" className="button small" onClick={() => lab.cancel()}>
          Cancel
        </button>
      )}
    </footer>
  );
}

function describe(job: JobRecord): string {
  const doing = job.stage === job.label ? job.label : `${job.label}: ${job.stage.toLowerCase()}`;
  const parts = [doing];
  if (job.total > 0) parts[0] = `${doing} ${amount(job)}`;
  if (job.tokensPerSecond !== null && job.tokensPerSecond > 0)
    parts.push(`${short(job.tokensPerSecond)} tokens/s`);
  if (job.secondsLeft !== null && job.secondsLeft >= 1) parts.push(`${duration(job.secondsLeft)} left`);
  return parts.join(', ');
}

function amount({ done, total, unit }: JobRecord): string {
  if (unit === 'fraction') return percent(Math.min(1, done / total));
  const write = (value: number): string =>
    unit === 'bytes' ? bytes(value) : value >= 1e4 ? short(value) : String(Math.round(value));
  return `${write(done)} of ${write(total)}${unit === 'bytes' ? '' : ` ${unit}`}`;
}
