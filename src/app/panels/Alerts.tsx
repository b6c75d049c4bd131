import { Icon } from '../icons';
import { useLab, useUi } from '../hooks/useLab';
import { dismissAlert, dismissNote, type AlertRecord } from '../stores/uiStore';

/** Failures: what, why, what to do, what was kept. */
export function Alerts() {
  const alerts = useUi((state) => state.alerts);
  return (
    <div className="alerts">
      {alerts.map((alert) => (
        <Alert key={alert.id} alert={alert} />
      ))}
    </div>
  );
}

function Alert({ alert }: { alert: AlertRecord }) {
  const lab = useLab();
  const { id, kind, message, remedy, kept, reopen } = alert;
  return (
    <div role="alert" aria-label={kind} className="alert">
      <Icon name="alert" />
      <div className="alert-body">
        <b>{TITLES[kind] ?? kind}</b>
        <p>{message}</p>
        {remedy !== undefined && !message.endsWith(remedy) && <p>{remedy}</p>}
        <p className="alert-kept">{kept}</p>
        <div className="alert-actions">
          {reopen && (
            <button
              type="button"
              className="button primary small"
              onClick={() => {
                dismissAlert(id);
                void lab.reopen();
              }}
            >
              Reopen device
            </button>
          )}
          <button type="button" className="button small" onClick={() => dismissAlert(id)}>
            Dismiss
          </button>
        </div>
      </div>
    </div>
  );
}

const TITLES: Partial<Record<AlertRecord['kind'], string>> = {
  SpecError: 'That setting cannot be used',
  FormatError: 'That file cannot be read',
  FetchError: 'The bytes could not be had',
  ModelError: 'That model is not supported',
  TextError: 'That text cannot be used',
  GpuUnavailableError: 'No graphics device',
  GpuLimitError: 'Too large for this graphics device',
  OutOfMemoryError: 'Out of memory',
  DeviceLostError: 'The graphics device was lost',
  VerifyError: 'The export did not verify',
  InternalError: 'Something in the lab went wrong',
};

/** Things worth knowing that stop nothing. */
export function Notes() {
  const notes = useUi((state) => state.notes);
  if (notes.length === 0) return null;
  return (
    <div className="notes">
      {notes.map(({ id, text, detail, action }) => (
        <div key={id} role="note" className="note">
          <p>{text}</p>
          <div className="note-actions">
            {action && (
              <button type="button" className="button small" onClick={action.run}>
                {action.label}
              </button>
            )}
            <button type="button" className="button small quiet" onClick={() => dismissNote(id)}>
              Dismiss
            </button>
          </div>
          {detail !== undefined && <p className="hint">{detail}</p>}
        </div>
      ))}
    </div>
  );
}
