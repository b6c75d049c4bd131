import { lazy, Suspense } from 'react';
import { CurveFigure } from './charts/CurveFigure';
import { ErrorFigure } from './charts/ErrorFigure';
import { SparsityFigure } from './charts/SparsityFigure';
import { useRun, useUi } from './hooks/useLab';
import { Alerts, Notes } from './panels/Alerts';
import { DownloadStrip } from './panels/DownloadStrip';
import { DropZone } from './panels/DropZone';
import { Experiment } from './panels/Experiment';
import { Explanation } from './panels/Explanation';
import { Header } from './panels/Header';
import { Metrics } from './panels/Metrics';
import { RunDetails } from './panels/RunDetails';
import { StatusBar } from './panels/StatusBar';
import { Unsupported } from './panels/Unsupported';
import { Writes } from './panels/Writes';

const ExportDialog = lazy(() => import('./panels/ExportDialog'));
const BaseDialog = lazy(() => import('./panels/BaseDialog'));
const RunsDialog = lazy(() => import('./panels/RunsDialog'));
const LayerDialog = lazy(() => import('./layer/LayerDialog'));
const CompareDialog = lazy(() => import('./compare/CompareDialog'));
const TheoryDialog = lazy(() => import('./theory/TheoryDialog'));
const SpeedDialog = lazy(() => import('./speed/SpeedDialog'));
const ZeroShotDialog = lazy(() => import('./zeroshot/ZeroShotDialog'));
const MetricSearchDialog = lazy(() => import('./metricSearch/MetricSearchDialog'));
const HubDialog = lazy(() => import('./panels/HubDialog'));

/** The instrument: cause on the left, effect on the right, what the engine does at the bottom. */
export function App() {
  const unsupported = useRun(({ phase }) => phase === 'unsupported');
  return (
    <>
      <Header />
      <Alerts />
      <DownloadStrip />
      {unsupported ? (
        <Unsupported />
      ) : (
        <main className="bench">
          <div className="cause">
            <Experiment />
            <Notes />
          </div>
          <div className="effect">
            <Metrics />
            <Explanation />
            <div className="charts">
              <div className="card card-layers">
                <ErrorFigure />
                <SparsityFigure />
              </div>
              <div className="card card-curve">
                <CurveFigure />
              </div>
            </div>
            <Writes />
            <RunDetails />
          </div>
        </main>
      )}
      <StatusBar />
      <Dialogs />
      {!unsupported && <DropZone />}
    </>
  );
}

function Dialogs() {
  const dialog = useUi((state) => state.dialog);
  return (
    <Suspense fallback={null}>
      {dialog?.name === 'export' && <ExportDialog />}
      {dialog?.name === 'base' && <BaseDialog />}
      {dialog?.name === 'runs' && <RunsDialog />}
      {dialog?.name === 'layer' && <LayerDialog layer={dialog.layer} />}
      {dialog?.name === 'compare' && <CompareDialog />}
      {dialog?.name === 'theory' && <TheoryDialog />}
      {dialog?.name === 'zeroShot' && <ZeroShotDialog />}
      {dialog?.name === 'speed' && <SpeedDialog />}
      {dialog?.name === 'metricSearch' && <MetricSearchDialog />}
      {dialog?.name === 'hub' && <HubDialog id={dialog.id} revision={dialog.revision} />}
    </Suspense>
  );
}
