/** How far a dialog's job is, and its end. */
import './jobProgress.css';
import { duration, percent } from '../format';
import { useRun } from '../hooks/useLab';

interface Props {
  job: number;
  /** What the bar is called. */
  label: string;
  onStop(): void;
  className?: string;
}

export function JobProgress({ job, label, onStop, className = '' }: Props) {
  const record = useRun(({ jobs }) => jobs.find(({ id }) => id === job));
  const done = record && record.total > 0 ? record.done / record.total : 0;
  const left = record?.secondsLeft;
  return (
    <div className={`job-progress ${className}`}>
      <progress aria-label={label} max={1} value={done} />
      <p>
        {record?.stage ?? 'Starting'}, {percent(done)}
        {left !== null && left !== undefined && left >= 1 && `, about ${duration(left)} left`}
      </p>
      <button type="button" className="button small" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}
