import { useRef } from 'react';
import { FileInput } from '../controls/FileInput';
import { short } from '../format';
import { useLab, useRun } from '../hooks/useLab';
import { requestFromFiles } from '../lab/files';
import { uiStore } from '../stores/uiStore';
import { Modal } from './Modal';
import { counted } from '../../core/words';

/** Asks for the folder of the model that an opened experiment began with. */
export default function BaseDialog() {
  const lab = useLab();
  const awaiting = useRun((state) => state.awaiting);
  const input = useRef<HTMLInputElement>(null);
  if (!awaiting) return null;
  const { model } = awaiting.report;
  const close = (): void => uiStore.setState({ dialog: null });
  return (
    <Modal title="The model behind this experiment" onClose={close}>
      <p>
        {awaiting.source} was made from <b>{model.name}</b>, a model on someone’s disk. Its figures are shown
        already; to run anything, give its folder.
      </p>
      <dl className="facts">
        <dt>Architecture</dt>
        <dd>
          {model.architecture}, {counted(model.layers, 'layer')}, {short(model.parameters)} weights,{' '}
          {model.dtype}
        </dd>
        <dt>SHA-256</dt>
        <dd>
          <code>{model.sha256}</code>
        </dd>
      </dl>
      <p className="hint">The hash is compared after loading; other weights are said, not refused.</p>
      <div className="dialog-actions">
        <button type="button" className="button primary" onClick={() => input.current?.click()}>
          Choose its folder…
        </button>
        <button type="button" className="button" onClick={close}>
          Only look at the figures
        </button>
      </div>
      <FileInput
        ref={input}
        pick="base"
        multiple
        folder
        onPick={(files) => {
          close();
          void lab.load(requestFromFiles(files));
        }}
      />
    </Modal>
  );
}
