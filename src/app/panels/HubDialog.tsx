import { useEffect, useRef, useState } from 'react';
import { useStore } from 'zustand';
import { LabError } from '../../core/errors';
import { parseHubId } from '../../formats/hubId';
import type { HubPreview } from '../../session/protocol';
import { bytes, count, short } from '../format';
import { useLab, useRun } from '../hooks/useLab';
import { hubEndpoint } from '../lab/hub';
import { hubStore } from '../stores/hubStore';
import { uiStore } from '../stores/uiStore';
import { Modal } from './Modal';
import { StoredModels } from './StoredModels';

/** A model by its name on the Hub. No weight is fetched before its size has been shown and agreed to. */
export default function HubDialog({
  id: firstId,
  revision: firstRevision,
}: {
  id: string;
  revision: string;
}) {
  const lab = useLab();
  const awaiting = useRun((state) => state.awaiting !== null);
  const [id, setId] = useState(firstId);
  const [revision, setRevision] = useState(firstRevision);
  const [token, setToken] = useState('');
  const [preview, setPreview] = useState<HubPreview | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [asking, setAsking] = useState(false);
  const asked = useRef(false);

  const ask = async (name = id, at = revision): Promise<void> => {
    setAsking(true);
    setProblem(null);
    setPreview(null);
    try {
      if (token.trim() !== '') {
        await lab.api.setHubToken(token);
        hubStore.setState({ hasToken: true });
        setToken('');
      }
      setPreview(await lab.api.previewHub(name.trim(), at.trim() || undefined, hubEndpoint()));
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
    if (!preview) return;
    uiStore.setState({ dialog: null });
    const endpoint = hubEndpoint();
    void lab.load({
      kind: 'hub',
      id: preview.id,
      commit: preview.commit,
      ...(preview.revision !== 'main' && { revision: preview.revision }),
      ...(endpoint !== undefined && { endpoint }),
    });
  };
  const legal = isName(id);
  return (
    <Modal title="A model from the Hub" onClose={close}>
      <p>Its files come to this browser; nothing goes the other way but the name.</p>
      <form
        className="hub-form"
        autoComplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          if (legal && !asking) void ask();
        }}
      >
        <label>
          Name
          <input
            value={id}
            placeholder="owner/name, or an address"
            autoComplete="off"
            spellCheck={false}
            autoCapitalize="none"
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
            autoCapitalize="none"
            onChange={(event) => {
              setRevision(event.currentTarget.value);
              setPreview(null);
            }}
          />
        </label>
        <button type="submit" className="button" disabled={!legal || asking}>
          {asking ? 'Asking…' : 'Show size'}
        </button>
        <TokenField value={token} onChange={setToken} />
      </form>
      {problem !== null && (
        <p className="hub-problem" role="status" aria-label="Hub answer">
          {problem}
        </p>
      )}
      {preview && <Preview preview={preview} />}
      <div className="dialog-actions">
        <button
          type="button"
          className="button primary"
          disabled={!preview || !preview.supported}
          onClick={download}
        >
          {preview?.missingBytes === 0
            ? 'Open'
            : `Download ${preview ? bytes(preview.missingBytes) : ''}`.trim()}
        </button>
        <button type="button" className="button" onClick={close}>
          {firstId === '' ? 'Not now' : awaiting ? 'Only look at the figures' : 'Use the demo model instead'}
        </button>
      </div>
      <StoredModels
        onOpen={(item) => {
          setId(item.name);
          setRevision(item.commit);
          void ask(item.name, item.commit);
        }}
      />
    </Modal>
  );
}

function isName(text: string): boolean {
  try {
    parseHubId(text);
    return true;
  } catch {
    return false;
  }
}

/** For private and gated models. It goes to the engine's memory and is gone with the page. */
function TokenField({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const lab = useLab();
  const hasToken = useStore(hubStore, (state) => state.hasToken);
  const forget = (): void => {
    onChange('');
    hubStore.setState({ hasToken: false });
    lab.api.setHubToken(null).catch(() => undefined);
  };
  return (
    <details className="fold hub-token">
      <summary>{hasToken ? 'Read token: set for this visit' : 'Private or gated? Give a read token'}</summary>
      <label>
        Read token
        <input
          className="secret"
          value={value}
          placeholder={hasToken ? 'set; a new one replaces it' : 'hf_…'}
          autoComplete="off"
          spellCheck={false}
          autoCapitalize="none"
          onChange={(event) => onChange(event.currentTarget.value)}
        />
      </label>
      <p className="hint">
        Stays in memory until this page is closed, and is sent to the Hub only. Never stored, never part of a
        link or report.{' '}
        {hasToken && (
          <button type="button" className="link-button" onClick={forget}>
            Forget it now
          </button>
        )}
      </p>
    </details>
  );
}

/** What it is, from its config and headers. */
function Preview({ preview }: { preview: HubPreview }) {
  const { supported, reason, dtypes, missingBytes, bytes: all } = preview;
  const types = Object.entries(dtypes);
  const total = types.reduce((sum, [, n]) => sum + n, 0);
  const here = all - missingBytes;
  return (
    <div className="hub-preview">
      <p>
        <b>{preview.name}</b> at {preview.revision === preview.commit ? '' : `${preview.revision}, `}commit{' '}
        <code>{preview.commit.slice(0, 12)}</code>
      </p>
      <dl className="hub-facts">
        <div>
          <dt>Architecture</dt>
          <dd>{preview.architecture ?? 'not named'}</dd>
        </div>
        <div>
          <dt>Parameters</dt>
          <dd title={preview.parameters === null ? undefined : count(preview.parameters)}>
            {preview.parameters === null ? 'not known' : short(preview.parameters)}
          </dd>
        </div>
        <div>
          <dt>Weights in</dt>
          <dd>
            {types.length === 1
              ? types[0]?.[0]
              : types.map(([type, n]) => `${type} ${Math.round((100 * n) / total)} %`).join(', ')}
          </dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>
            {bytes(all)} in {preview.files.length} files
            {missingBytes === 0 ? ', all stored here' : here > 0 && `, ${bytes(here)} of it stored here`}
          </dd>
        </div>
      </dl>
      {supported ? (
        <p className="hint">
          The lab opens it. At least {bytes(all)} of graphics memory is needed.
          {preview.memoryOnly !== null && ` ${preview.memoryOnly}`}
        </p>
      ) : (
        <p className="hub-problem" role="status" aria-label="Hub answer">
          {reason} Nothing was downloaded.
        </p>
      )}
      <details className="fold">
        <summary>Files</summary>
        <ul>
          {preview.files.map((file) => (
            <li key={file.path}>
              <span>{file.path}</span> <span>{bytes(file.size)}</span>
            </li>
          ))}
        </ul>
      </details>
    </div>
  );
}
