/** Entry of the page. */
import './styles/index.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { connectWorker } from '../session/client';
import type { LabApi } from '../session/protocol';
import { App } from './App';
import { LabContext } from './hooks/useLab';
import { Lab } from './lab/lab';
import { Boundary } from './panels/Boundary';
import { syncPageState } from './pageState';
import { registerServiceWorker } from './registerServiceWorker';

/** What end-to-end tests may reach besides the page itself. */
declare global {
  interface Window {
    prunelab?: { destroyDevice(): void };
  }
}

async function openApi(): Promise<LabApi> {
  if (import.meta.env.DEV) {
    const fake = new URLSearchParams(location.search).get('fake');
    if (fake !== null) {
      const { createFakeLab } = await import('../testing/fakeLab');
      const options: unknown = fake === '' ? {} : JSON.parse(fake);
      return createFakeLab(options as Parameters<typeof createFakeLab>[0]);
    }
  }
  return connectWorker();
}

/** The theme chosen on an earlier visit; without one the system's is followed. */
function restoreTheme(): void {
  try {
    const theme = localStorage.getItem('prunelab.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset['theme'] = theme;
  } catch {
    // storage can be forbidden; the system's theme will do
  }
}

async function start(): Promise<void> {
  restoreTheme();
  const root = document.getElementById('app');
  if (!root) throw new Error('The page has no #app.');
  const lab = new Lab(await openApi());
  window.prunelab = { destroyDevice: () => lab.api.destroyDevice() };
  syncPageState(root);
  createRoot(root).render(
    <StrictMode>
      <LabContext value={lab}>
        <Boundary>
          <App />
        </Boundary>
      </LabContext>
    </StrictMode>,
  );
  await lab.start(location.search);
  await registerServiceWorker();
}

void start();
