import { lazy, Suspense, useState } from 'react';
import { useRun, useSpec } from '../hooks/useLab';

const CalibrationFields = lazy(() => import('./CalibrationFields'));

/** Texts, sample sizes and seed: rarely touched, so folded away behind a line that says what they are. */
export function Calibration() {
  const spec = useSpec((state) => state.spec);
  const context = useRun(({ model }) => model?.context ?? 256);
  const [opened, setOpened] = useState(false);
  const source = spec.texts.calibration === 'bundled' ? 'Moby-Dick' : spec.texts.calibration;
  return (
    <details className="fold" onToggle={(event) => event.currentTarget.open && setOpened(true)}>
      <summary>
        Calibration: {source}, {spec.samples} × {spec.window ?? Math.min(256, context)} tokens,{' '}
        {spec.seeds ? `seeds ${spec.seeds.join(', ')}` : `seed ${spec.seed}`}
      </summary>
      {opened && (
        <Suspense fallback={null}>
          <CalibrationFields />
        </Suspense>
      )}
    </details>
  );
}
