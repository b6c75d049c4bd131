import { useState } from 'react';
import { bytes } from '../format';
import { useLab, useRun } from '../hooks/useLab';
import { deviceName } from '../../core/words';

/** The device, and what of its memory is in use; opens into the parts. */
export function MemoryChip() {
  const boot = useRun((state) => state.boot);
  const memory = useRun((state) => state.memory);
  const lab = useLab();
  const [planned, setPlanned] = useState<number | null>(null);
  if (!boot) return <p className="chip chip-device">Looking for a graphics device…</p>;
  const { device } = boot;
  const name = deviceName(device) || 'Graphics device';
  const traits = [device.software ? 'software' : null, device.features.includes('shader-f16') ? 'f16' : null, device.features.includes('subgroups') ? 'subgroups' : null].filter((trait) => trait !== null); // prettier-ignore
  const lines: [string, number][] = memory
    ? [
        ['Weights', memory.weights],
        ['Masks', memory.masks],
        ['Activations', memory.activations],
        ['Dense outputs, kept for comparison', memory.denseStreams],
        ['Scratch', memory.scratch],
        ['Caches, on the host too', memory.cache],
        ['Total', memory.total],
        ['Peak', memory.peak],
        ...(planned === null ? [] : [['Planned peak of a run', planned] satisfies [string, number]]),
      ]
    : [];
  // There is nothing to plan without a model, and a spec that no run takes is said elsewhere.
  const plan = (): void =>
    void lab.predict('run').then(
      (prediction) => setPlanned(prediction.bytes),
      () => setPlanned(null),
    );
  return (
    <>
      <button
        type="button"
        className="chip chip-device"
        onClick={plan}
        popoverTarget="memory"
        title="Memory in use"
      >
        <span className="chip-name">{name}</span>
        {traits.map((trait) => (
          <span key={trait} className="chip-trait">
            · {trait}
          </span>
        ))}
        <span>·</span>
        <b>{bytes(memory?.total ?? 0)}</b>
      </button>
      <div id="memory" className="popover" popover="auto">
        <h2>Memory on the graphics device</h2>
        <table>
          <tbody>
            {lines.map(([label, value]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{bytes(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <p className="hint">Bytes of the buffers the lab has created. Engine {boot.engineVersion}.</p>
      </div>
    </>
  );
}
