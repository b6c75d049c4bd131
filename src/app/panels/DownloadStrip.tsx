import { useStore } from 'zustand';
import { bytes, duration } from '../format';
import { useLab } from '../hooks/useLab';
import { hubStore } from '../stores/hubStore';

/** A download from the Hub, while there is one: how far, how long, and the two things one may want of it. */
export function DownloadStrip() {
  const lab = useLab();
  const download = useStore(hubStore, (state) => state.download);
  if (!download) return null;
  const { name, done, total, secondsLeft, paused } = download;
  const known = total > 0;
  return (
    <section className="download" aria-label="Download from the Hub">
      <div className="download-text">
        <b>{name}</b>
        <span>
          {known ? `${bytes(done)} of ${bytes(total)}` : 'Asking the Hub'}
          {paused
            ? ', paused'
            : secondsLeft !== null && secondsLeft >= 1 && `, ${duration(secondsLeft)} left`}
        </span>
      </div>
      <progress
        aria-label={`Downloading ${name}`}
        {...(known && { max: total, value: Math.min(done, total) })}
      />
      <div className="download-actions">
        <button
          type="button"
          className="button small"
          onClick={() => lab.hub.steer(paused ? 'resume' : 'pause')}
        >
          {paused ? 'Resume download' : 'Pause download'}
        </button>
        <button type="button" className="button small" onClick={() => lab.hub.steer('stop')}>
          Stop download
        </button>
      </div>
    </section>
  );
}
