import { useEffect, useState } from 'react';
import { Icon } from '../icons';
import { bytes, short } from '../format';
import { useLab, useRun, useSpec, useUi } from '../hooks/useLab';
import { useRuns } from '../hooks/useResults';
import { uiStore } from '../stores/uiStore';
import { MemoryChip } from './MemoryChip';
import { counted } from '../../core/words';

export function Header() {
  const lab = useLab();
  const unsupported = useRun(({ phase }) => phase === 'unsupported');
  return (
    <header className="header">
      <h1 className="mark">
        <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
          {[6, 9, 13, 18].map((height, i) => (
            <rect key={height} x={1 + i * 5} y={19 - height} width="3.400" height={height} rx="1.200" />
          ))}
        </svg>
        Prunelab
      </h1>
      {!unsupported && <Facts />}
      <span className="spacer" />
      {!unsupported && <HistoryButtons />}
      {!unsupported && <PinButton />}
      {!unsupported && <RunsButton />}
      <ThemeButton />
      {!unsupported && <Actions />}
      <Shortcuts onUndo={() => lab.undo()} onRedo={() => lab.redo()} />
    </header>
  );
}

/** Which model and which device. */
function Facts() {
  const model = useRun((state) => state.model);
  return (
    <>
      <p className="chip chip-model">
        {model ? (
          <>
            <b>{model.name === 'demo' ? 'Demo model' : model.name}</b>
            <span>
              {short(model.parameters)} weights · {counted(model.layers, 'layer')}
            </span>
          </>
        ) : (
          'No model yet'
        )}
      </p>
      <MemoryChip />
    </>
  );
}

function Actions() {
  const model = useRun((state) => state.model);
  const canExport = useRun(({ phase }) => phase === 'ready') && model !== null;
  return (
    <>
      <ShareButton />
      <ViewButton
        name="compare"
        label="Compare"
        title="Several methods side by side"
        load={() => import('../compare/CompareDialog')}
      />
      <ViewButton
        name="theory"
        label="Theory"
        title="The paper’s claims, tried on this model"
        load={() => import('../theory/TheoryDialog')}
      />
      <ViewButton
        name="zeroShot"
        label="Tasks"
        title="Zero-shot tasks, dense beside pruned"
        load={() => import('../zeroshot/ZeroShotDialog')}
      />
      <ViewButton
        name="speed"
        label="Speed"
        title="Tokens per second and bytes, measured here"
        load={() => import('../speed/SpeedDialog')}
      />
      <button
        type="button"
        className="button primary"
        disabled={!canExport}
        onClick={() => uiStore.setState({ dialog: { name: 'export' } })}
        onPointerEnter={() => void import('./ExportDialog')}
        aria-haspopup="dialog"
        title={model ? `About ${bytes(model.bytes)}` : undefined}
      >
        Export
      </button>
    </>
  );
}

function RunsButton() {
  return (
    <button
      type="button"
      className="button icon-button past-runs"
      aria-label="Past runs"
      title="Past runs"
      aria-haspopup="dialog"
      onClick={() => uiStore.setState({ dialog: { name: 'runs' } })}
    >
      <Icon name="history" />
    </button>
  );
}

function HistoryButtons() {
  const lab = useLab();
  const undoable = useSpec(({ past }) => past.length > 0);
  const redoable = useSpec(({ future }) => future.length > 0);
  return (
    <span className="button-pair">
      <button
        type="button"
        className="button icon-button"
        aria-label="Undo"
        title="Undo (Ctrl+Z)"
        disabled={!undoable}
        onClick={() => lab.undo()}
      >
        <Icon name="undo" />
      </button>
      <button
        type="button"
        className="button icon-button"
        aria-label="Redo"
        title="Redo (Ctrl+Shift+Z)"
        disabled={!redoable}
        onClick={() => lab.redo()}
      >
        <Icon name="redo" />
      </button>
    </span>
  );
}

function Shortcuts({ onUndo, onRedo }: { onUndo: () => void; onRedo: () => void }) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const typing =
        event.target instanceof HTMLElement &&
        event.target.matches('input:not([type=range]):not([type=radio]):not([type=checkbox]), textarea');
      if (typing || !(event.ctrlKey || event.metaKey)) return;
      const key = event.key.toLowerCase();
      if (key === 'z' && !event.shiftKey) onUndo();
      else if ((key === 'z' && event.shiftKey) || key === 'y') onRedo();
      else return;
      event.preventDefault();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [onUndo, onRedo]);
  return null;
}

function ThemeButton() {
  const dark = useDark();
  const toggle = (): void => {
    document.documentElement.dataset['theme'] = dark ? 'light' : 'dark';
    try {
      localStorage.setItem('prunelab.theme', dark ? 'light' : 'dark');
    } catch {
      // storage can be forbidden; the choice then lasts as long as the page
    }
    window.dispatchEvent(new Event('prunelab-theme'));
  };
  const label = dark ? 'Light colours' : 'Dark colours';
  return (
    <button type="button" className="button icon-button" aria-label={label} title={label} onClick={toggle}>
      <Icon name={dark ? 'sun' : 'moon'} />
    </button>
  );
}

function useDark(): boolean {
  const read = (): boolean => {
    const theme = document.documentElement.dataset['theme'];
    return theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : theme === 'dark';
  };
  const [dark, setDark] = useState(read);
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const update = (): void => setDark(read());
    media.addEventListener('change', update);
    window.addEventListener('prunelab-theme', update);
    return () => {
      media.removeEventListener('change', update);
      window.removeEventListener('prunelab-theme', update);
    };
  }, []);
  return dark;
}

function ShareButton() {
  const lab = useLab();
  const [shared, setShared] = useState(false);
  const share = async (): Promise<void> => {
    const link = lab.link();
    try {
      await navigator.clipboard.writeText(link);
      setShared(true);
      setTimeout(() => setShared(false), 2000);
    } catch {
      window.prompt('The address of this experiment:', link);
    }
  };
  return (
    <button
      type="button"
      className="button share"
      onClick={() => void share()}
      title="Copies the address of this experiment"
    >
      <Icon name="share" />
      {/* Both texts hold the width, so nothing moves. */}
      <span className="share-text">
        <span aria-hidden={shared} className={shared ? 'is-away' : ''}>
          Share
        </span>
        <span aria-hidden={!shared} className={shared ? '' : 'is-away'}>
          Copied
        </span>
      </span>
    </button>
  );
}

/** Pins the run on screen; the next ones are drawn against it. */
function PinButton() {
  const { run } = useRuns();
  const pinned = useUi((state) => state.pinned);
  return (
    <button
      type="button"
      className="button icon-button"
      aria-label="Pin this run"
      aria-pressed={pinned !== null}
      disabled={pinned === null && run === null}
      title={
        pinned ? 'Unpin the run that is compared with' : 'Pin this run: the next ones are drawn against it'
      }
      onClick={() => uiStore.setState({ pinned: pinned ? null : run })}
    >
      <Icon name="pin" />
    </button>
  );
}

interface ViewProps {
  name: 'compare' | 'theory' | 'zeroShot' | 'speed';
  label: string;
  title: string;
  load: () => Promise<unknown>;
}

/** Opens a view of its own, fetched when the pointer comes near. */
function ViewButton({ name, label, title, load }: ViewProps) {
  const model = useRun((state) => state.model);
  return (
    <button
      type="button"
      className="button compare"
      aria-haspopup="dialog"
      disabled={model === null}
      title={title}
      onClick={() => uiStore.setState({ dialog: { name } })}
      onPointerEnter={() => void load()}
    >
      {label}
    </button>
  );
}
