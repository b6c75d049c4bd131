import { useRef } from 'react';
import { Choice, type ChoiceOption } from '../controls/Choice';
import { FileInput } from '../controls/FileInput';
import { useLab, useRun } from '../hooks/useLab';
import { bytes, short } from '../format';
import type { PickedFile } from '../lab/files';
import { uiStore } from '../stores/uiStore';

/** Which model is under the knife: the bundled one, one from disk, one from the Hub. */
export function ModelControl() {
  const lab = useLab();
  const model = useRun((state) => state.model);
  const fileInput = useRef<HTMLInputElement>(null);
  const folderInput = useRef<HTMLInputElement>(null);
  // Where a load was stopped there is no model, and the demo can be chosen again.
  const none = useRun(({ phase, jobs }) => phase === 'ready' && jobs.length === 0) && !model;
  const current = none ? 'Choose a model' : model && model.name !== 'demo' ? model.name : 'demo';

  const options: ChoiceOption[] = [
    { value: 'demo', label: 'Demo model', help: 'Bundled with the lab, trained for it' },
    ...(model && current === model.name && current !== 'demo'
      ? [
          {
            value: current,
            label: current,
            help: `${short(model.parameters)} weights, ${bytes(model.bytes)}`,
          },
        ]
      : []),
    {
      value: ':files',
      label: 'From disk: files…',
      help: 'One .gguf, or .safetensors with config.json and tokenizer.json',
      action: true,
    },
    { value: ':folder', label: 'From disk: folder…', help: 'A folder in Hugging Face layout', action: true },
    { value: ':hub', label: 'From the Hub…', help: 'By its name; the size is shown first', action: true },
  ];

  const onChange = (value: string): void => {
    if (value === ':files') fileInput.current?.click();
    else if (value === ':folder') folderInput.current?.click();
    else if (value === ':hub')
      uiStore.setState({ dialog: { name: 'hub', id: '', revision: '', preview: null } });
    else if (value === 'demo') void lab.load({ kind: 'demo' });
  };

  const onFiles = (files: PickedFile[]): void => void lab.openFiles(files);

  return (
    <>
      <Choice label="Model" decides="what is pruned" value={current} options={options} onChange={onChange} />
      <FileInput
        ref={fileInput}
        pick="files"
        accept=".safetensors,.json,.gguf,.txt,.model,.jinja"
        multiple
        onPick={onFiles}
      />
      <FileInput ref={folderInput} pick="folder" multiple folder onPick={onFiles} />
    </>
  );
}
