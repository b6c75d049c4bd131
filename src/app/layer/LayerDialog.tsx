/** One layer from inside: its matrices in figures, the mask of the chosen one as a picture, its scores. */
import { useEffect, useState, type KeyboardEvent } from 'react';
import type { LayerRecord } from '../../core/layerRecord';
import { count } from '../format';
import { useLab } from '../hooks/useLab';
import { useLayers } from '../hooks/useResults';
import { Modal } from '../panels/Modal';
import { uiStore } from '../stores/uiStore';
import './layer.css';
import { MaskFigure } from './MaskFigure';
import { MatrixFigures } from './MatrixFigures';
import { ScoreFigure } from './ScoreFigure';

const show = (layer: number): void => uiStore.setState({ dialog: { name: 'layer', layer } });

/** `layer`: the first is 0. */
export default function LayerDialog({ layer }: { layer: number }) {
  const layers = useLayers();
  const record = useLayerRecord(layer);
  const [chosen, setChosen] = useState<string | null>(null);
  const matrix = record?.matrices.find(({ name }) => name === chosen) ?? record?.matrices[0];
  const current = record?.layer === layer;

  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    if (layer + step < 0 || layer + step >= layers) return;
    event.preventDefault();
    show(layer + step);
  };

  return (
    <Modal wide title={`Layer ${layer + 1} of ${layers}`} onClose={() => uiStore.setState({ dialog: null })}>
      <div className="layer-view" aria-busy={!current} onKeyDown={onKeyDown}>
        <div className="layer-head">
          <p className="sub">
            {record && current ? describeInputs(record) : 'Sending the calibration text to this layer…'}
          </p>
          <span className="layer-steps">
            <button type="button" className="button" disabled={layer === 0} onClick={() => show(layer - 1)}>
              Previous layer
            </button>
            <button
              type="button"
              className="button"
              disabled={layer === layers - 1}
              onClick={() => show(layer + 1)}
            >
              Next layer
            </button>
          </span>
        </div>
        {record && matrix ? (
          <div className={current ? 'layer-body' : 'layer-body is-old'}>
            <MatrixFigures matrices={record.matrices} chosen={matrix.name} onChoose={setChosen} />
            <div className="layer-pictures">
              <MaskFigure matrix={matrix} />
              <ScoreFigure matrix={matrix} layer={record.layer} />
            </div>
          </div>
        ) : (
          <div className="skeleton layer-skeleton" />
        )}
      </div>
    </Modal>
  );
}

/** The record of a layer, kept while the dialog is open; until it is there the one shown before. */
function useLayerRecord(layer: number): LayerRecord | null {
  const lab = useLab();
  const [records, setRecords] = useState<Readonly<Record<number, LayerRecord>>>({});
  const [shown, setShown] = useState<number | null>(null);
  const known = records[layer];
  useEffect(() => {
    if (known) return;
    let wanted = true;
    void lab.inspectLayer(layer).then((record) => {
      if (record) setRecords((before) => ({ ...before, [layer]: record }));
      // Alerts are behind the dialog.
      else if (wanted) uiStore.setState({ dialog: null });
    });
    return () => {
      wanted = false;
      lab.stopInspecting();
    };
  }, [lab, layer, known]);
  useEffect(() => {
    if (known) setShown(layer);
  }, [known, layer]);
  return known ?? (shown === null ? null : (records[shown] ?? null));
}

function describeInputs({ inputs: { text, prefix } }: LayerRecord): string {
  const before =
    prefix === 'pruned' ? 'behind the pruned layers before it' : 'as the dense model hands it on';
  return `Errors on the calibration text, ${count(text.tokens)} tokens, ${before}. The arrow keys go from layer to layer.`;
}
