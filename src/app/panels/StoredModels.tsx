import { useEffect, useState } from 'react';
import { LabError } from '../../core/errors';
import type { HubStorageReport, StoredItem } from '../../session/protocol';
import { bytes, percent } from '../format';
import { useLab } from '../hooks/useLab';

/** What this browser keeps of the Hub, with sizes, and how to be rid of it. */
export function StoredModels({ onOpen }: { onOpen: (item: StoredItem) => void }) {
  const lab = useLab();
  const [report, setReport] = useState<HubStorageReport | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const show = async (work: Promise<HubStorageReport>): Promise<void> => {
    try {
      setReport(await work);
      setProblem(null);
    } catch (cause) {
      const { message, remedy } = LabError.from(cause);
      setProblem([message, remedy].filter(Boolean).join(' '));
    }
  };
  useEffect(() => {
    void show(lab.api.hubStorage());
  }, [lab]);

  const keep = async (): Promise<void> => {
    await navigator.storage?.persist?.().catch(() => false);
    await show(lab.api.hubStorage());
  };
  const items = report?.items ?? [];
  const removable = items.filter(({ inUse }) => !inUse);
  return (
    <section className="stored" aria-label="Stored in this browser">
      <h3>Stored in this browser</h3>
      {report && items.length === 0 && report.memoryOnly === null && (
        <p className="hint">
          Nothing yet. A download is kept here, so that opening it again needs no network.
        </p>
      )}
      {items.length > 0 && (
        <ul>
          {items.map((item) => (
            <li key={item.id}>
              <span className="stored-name">
                <b>{item.name}</b>
                <small>
                  {item.commit.slice(0, 8)}, {bytes(item.bytes)}
                  {item.kind === 'dataset'
                    ? ', text'
                    : item.inUse
                      ? ', open now'
                      : !item.complete && ', in part'}
                </small>
              </span>
              {item.kind === 'model' && !item.inUse && (
                <button
                  type="button"
                  className="button small"
                  aria-label={`Choose ${item.name} at ${item.commit.slice(0, 8)}`}
                  onClick={() => onOpen(item)}
                >
                  Choose
                </button>
              )}
              <button
                type="button"
                className="button small"
                disabled={item.inUse}
                aria-label={`Delete ${item.name} at ${item.commit.slice(0, 8)}`}
                onClick={() => void show(lab.api.deleteStored(item.id))}
              >
                Delete
              </button>
            </li>
          ))}
        </ul>
      )}
      {report && <Room report={report} onKeep={() => void keep()} />}
      {problem !== null && (
        <p className="hub-problem" role="status" aria-label="Storage answer">
          {problem}
        </p>
      )}
      {removable.length > 1 && (
        <div className="dialog-actions">
          <button
            type="button"
            className="button small"
            onClick={() => void show(lab.api.deleteStored(null))}
          >
            Delete all, {bytes(removable.reduce((sum, item) => sum + item.bytes, 0))}
          </button>
        </div>
      )}
    </section>
  );
}

/** How much room there is, and whether the browser may clear it by itself. */
function Room({ report, onKeep }: { report: HubStorageReport; onKeep: () => void }) {
  const { memoryOnly, usage, quota, persisted, items } = report;
  if (memoryOnly !== null) return <p className="hint">{memoryOnly}</p>;
  return (
    <p className="hint stored-room">
      {usage !== null && quota !== null && (
        <span>
          This page uses {bytes(usage)} of the {bytes(quota)} that the browser allows (
          {percent(usage / quota)}).
        </span>
      )}{' '}
      {persisted === true && <span>The browser will not clear it by itself.</span>}
      {persisted === false && items.length > 0 && (
        <>
          <span>The browser may clear it when the disk is full.</span>{' '}
          <button type="button" className="link-button" onClick={onKeep}>
            Ask it to keep this
          </button>
        </>
      )}
    </p>
  );
}
