import { useEffect, useRef, useState } from 'react';
import { LabError } from '../../core/errors';
import type { HubPreview } from '../../session/protocol';
import { bytes } from '../format';
import { useLab } from '../hooks/useLab';
import { hubEndpoint } from '../lab/hub';
import { uiStore } from '../stores/uiStore';
import { Modal } from './Modal';

/** A model by its name on the Hub. Nothing is fetched before its size has been shown and agreed to. */
export default function HubDialog({
  id: firstId,
  revision: firstRevision,
}: {
  id: string;
  revision: string;
}) {
  const lab = useLab();
  const [id, setId] = useState(firstId);
  const [revision, setRevision] = useState(firstRevision);
  const [preview, setPreview] = useState<HubPreview | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const asked = useRef(false);
  const legal = /^[\w.-]+\/[\w.-]+$/.test(id.trim());

  const ask = async (): Promise<void> => {
    setAsking(true);
    setProblem(null);
    setPreview(null);
    try {
      setPreview(await lab.api.previewHub(id.trim(), revision.trim() || undefined, hubEndpoint()));
    } catch (cause) {
      const error = LabError.from(cause);
      setProblem([error.message, error.remedy].filter(Boolean).join(' '));
    } finally {
      setAsking(false);
    }
  };

  // A link that names a model asks for its size at once; the download still waits for an answer.
  useEffect(() => {
    if (asked.current || firstId === '') return;
    asked.current = true;
    void ask();
  });

  const close = (): void => {
    uiStore.setState({ dialog: null });
    if (firstId !== '') void lab.loadIfNone();
  };
  const download = (): void => {
    uiStore.setState({ dialog: null });
    void lab.load({
      kind: 'hub',
      id: id.trim(),
      ...(revision.trim() !== '' && { revision: revision.trim() }),
      ...(hubEndpoint() !== undefined && { endpoint: hubEndpoint() }),
    });
  };
  return (
    <Modal title="A model from the Hub" onClose={close}>
      <p>Its files come to this browser; nothing goes the other way but the name.</p>
      <form
        className="hub-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (legal && !asking) void ask();
        }}
      >
        <label>
          Name
          <input
            value={id}
            placeholder="owner/name"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              setId(event.currentTarget.value);
              setPreview(null);
            }}
          />
        </label>
        <label>
          Revision
          <input
            value={revision}
            placeholder="main"
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => setRevision(event.currentTarget.value)}
          />
        </label>
        <button type="submit" className="button" disabled={!legal || asking}>
          {asking ? 'Asking…' : 'Show size'}
        </button>
      </form>
      {problem !== null && (
        <p className="hub-problem" role="status" aria-label="Hub answer">
          {problem}
        </p>
      )}
      {preview && (
        <div className="hub-preview">
          <p>
            <b>{preview.name}</b> at {preview.revision} ({preview.commit.slice(0, 8)}):{' '}
            <b>{bytes(preview.bytes)}</b> in {preview.files.length} files. At least as much graphics memory is
            needed.
          </p>
          <ul>
            {preview.files.map((file) => (
              <li key={file.path}>
                <span>{file.path}</span> <span>{bytes(file.size)}</span>
              </li>
            ))}
          </ul>
        </div>
      )}
      <div className="dialog-actions">
        <button type="button" className="button primary" disabled={!preview} onClick={download}>
          Download {preview ? bytes(preview.bytes) : ''}
        </button>
        <button type="button" className="button" onClick={close}>
          {firstId === '' ? 'Not now' : 'Use the demo model instead'}
        </button>
      </div>
    </Modal>
  );
}
