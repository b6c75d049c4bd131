import { useEffect, useState } from 'react';
import { useLab } from '../hooks/useLab';
import { filesOfDrop } from '../lab/files';

/** The whole page takes a drop: a model's files or folder, or a text for calibration. */
export function DropZone() {
  const lab = useLab();
  const [over, setOver] = useState(false);
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
    const enter = (event: DragEvent): void => {
      if (!hasFiles(event)) return;
      depth++;
      setOver(true);
    };
    const leave = (): void => {
      depth = Math.max(0, depth - 1);
      if (depth === 0) setOver(false);
    };
    const hover = (event: DragEvent): void => {
      if (hasFiles(event)) event.preventDefault();
    };
    const drop = (event: DragEvent): void => {
      depth = 0;
      setOver(false);
      if (!event.dataTransfer || !hasFiles(event)) return;
      event.preventDefault();
      void filesOfDrop(event.dataTransfer).then((files) => lab.openFiles(files));
    };
    window.addEventListener('dragenter', enter);
    window.addEventListener('dragleave', leave);
    window.addEventListener('dragover', hover);
    window.addEventListener('drop', drop);
    return () => {
      window.removeEventListener('dragenter', enter);
      window.removeEventListener('dragleave', leave);
      window.removeEventListener('dragover', hover);
      window.removeEventListener('drop', drop);
    };
  }, [lab]);
  return over ? (
    <div className="drop-zone" aria-hidden="true">
      <p>
        <b>Drop it here</b>
        A model: its folder, one .gguf, or .safetensors with config.json and tokenizer.json.
        <br />
        An experiment: an exported folder, its pruning.json, or a report.
        <br />A text: one .txt or .json, for calibration.
      </p>
    </div>
  ) : null;
}
