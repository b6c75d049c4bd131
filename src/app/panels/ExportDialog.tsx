import { useEffect, useState } from 'react';
import { useStore } from 'zustand';
import { LabError } from '../../core/errors';
import type { RunReport } from '../../core/report';
import { ARCHIVE_STATUS, archiveObstacle, type ArchiveFormat } from '../../formats/archive';
import { recipeObstacle } from '../../formats/recipe';
import type { ExportFile, GgufType, ModelSummary, Prediction } from '../../session/protocol';
import { Segments, Switch } from '../controls/fields';
import { bytes, compact, count, duration, percent } from '../format';
import { useLab, useRun, useSpec } from '../hooks/useLab';
import { useRuns } from '../hooks/useResults';
import { Icon } from '../icons';
import { downloadAll, exportName } from '../export/download';
import { formatSizes } from '../export/exportSizes';
import { SizesTable } from '../export/SizesTable';
import { pickedFolderSink, stagingSink } from '../export/sinks';
import { speedStore } from '../speed/speeder';
import { betaOf } from '../stores/legal';
import { uiStore } from '../stores/uiStore';
import { Modal } from './Modal';

type Format = 'hf' | GgufType;
const FORMATS: readonly { value: Format; label: string }[] = [
  { value: 'hf', label: 'Hugging Face' },
  { value: 'f16', label: 'GGUF F16' },
  { value: 'bf16', label: 'GGUF BF16' },
  { value: 'q8_0', label: 'GGUF Q8_0' },
];

type Weights = 'dense' | ArchiveFormat;
const WEIGHTS: readonly { value: Weights; label: string }[] = [
  { value: 'dense', label: 'Off' },
  { value: 'sparse-bitmask', label: 'sparse-bitmask' },
  { value: 'sparse-24-bitmask', label: 'sparse-24-bitmask' },
];

/** A GGUF file's weights are written in another type than they came in. */
function weightBytes(model: ModelSummary, ggufType: GgufType | undefined): number {
  if (!model.isGguf) return model.bytes;
  const width = ggufType === 'q8_0' ? 34 / 32 : !ggufType && model.dtype === 'F32' ? 4 : 2;
  return model.parameters * width;
}

interface Done {
  where: string;
  report: RunReport;
  files: ExportFile[];
}

/** Writes the pruned model, reads it back, and only then says done. */
export default function ExportDialog() {
  const lab = useLab();
  const model = useRun((state) => state.model);
  const [masks, setMasks] = useState(false);
  const [recipe, setRecipe] = useState(false);
  const [format, setFormat] = useState<Format>('hf');
  const [weights, setWeights] = useState<Weights>('dense');
  const spec = useSpec((state) => state.spec);
  const speed = useStore(speedStore, ({ record }) => record);
  const { run: shown } = useRuns();
  const [busy, setBusy] = useState(false);
  const [done, setDone] = useState<Done | null>(null);
  const prediction = usePrediction();
  if (!model) return null;
  const name = exportName(model.name);
  const obstacle = recipeObstacle(spec.pruner, model.architecture);
  const ggufType = model.isGguf && format !== 'hf' ? format : undefined;
  const smaller = spec.set['shrink'] === true;
  const formats = WEIGHTS.filter(
    ({ value }) =>
      value === 'dense' ||
      archiveObstacle(value, { pattern: spec.pattern, architecture: model.architecture }) === null,
  );
  const archive =
    weights !== 'dense' && formats.some(({ value }) => value === weights) && !ggufType && !smaller
      ? weights
      : undefined;
  const sizes = smaller ? [] : formatSizes(model, spec, shown?.report ?? null, weightBytes(model, undefined));
  const measured = lab.quickest?.of === JSON.stringify(spec) ? (speed?.variants[0]?.rows ?? null) : null;
  const options = {
    ...(archive ? { archive } : {}),
    masks: masks && !ggufType,
    recipe: recipe && obstacle === null && !ggufType,
    ...(ggufType ? { ggufType } : {}),
  };
  const packed = sizes.find(({ format }) => format === (archive === 'sparse-bitmask' ? 'bitmask' : 'km'));
  const size =
    ((archive && packed?.disk) ?? weightBytes(model, ggufType)) + (options.masks ? model.prunable / 8 : 0);

  const write = async (work: () => Promise<Done | null>): Promise<void> => {
    setBusy(true);
    setDone(null);
    try {
      setDone(await work());
    } catch (cause) {
      lab.jobs.report(LabError.from(cause));
    } finally {
      setBusy(false);
    }
  };

  const toFolder = async (): Promise<Done | null> => {
    const picked = await pickedFolderSink(name);
    if (!picked) return null;
    const result = await lab.exportTo(picked.sink, options);
    if (!result) {
      await picked.undo();
      return null;
    }
    return { where: picked.folder, ...result };
  };

  const toDownloads = async (): Promise<Done | null> => {
    const sink = await stagingSink();
    const result = await lab.exportTo(sink, options);
    if (!result) return null;
    await downloadAll(sink, result.files, name);
    return { where: 'your downloads', ...result };
  };

  const close = (): void => uiStore.setState({ dialog: null });
  return (
    <Modal title="Export the pruned model" onClose={close}>
      <WhatIsExported />
      {smaller ? (
        <p>
          At most {bytes(size)}: whole heads and channels are taken out, and what stays is a smaller model.
        </p>
      ) : archive ? (
        <p>
          About <b>{bytes(size)}</b>: the pruned matrices without their zeros. The file is smaller but{' '}
          <b>not faster</b>, and only old programs open it.
        </p>
      ) : (
        <p>
          About <b>{bytes(size)}</b>: every weight keeps its place, the pruned ones are zero. As it is, the
          file is <b>not smaller and not faster</b>; formats and engines that skip zeros make it so. In
          numbers
          {shown?.report ? ', with the zeros of this run' : ', with as many zeros as are asked for'}:
        </p>
      )}
      <SizesTable rows={sizes} pattern={spec.pattern} measured={measured} />
      {!measured && <NotMeasured />}
      {prediction && (
        <p className="hint">
          Takes {prediction.seconds === null ? 'a moment' : `about ${duration(prediction.seconds)}`} and up to{' '}
          {bytes(prediction.bytes)} of graphics memory. {prediction.lever}
        </p>
      )}
      {model.isGguf && (
        <>
          <Segments label="Format" value={format} options={FORMATS} onChange={setFormat} />
          <p className="hint">
            {ggufType
              ? 'One GGUF file with the metadata of the one that was opened. It is opened anew and its own perplexity measured, since its type may round once more.'
              : 'A folder that transformers opens, with config and tokenizer made from the metadata of the GGUF file.'}
          </p>
        </>
      )}
      {!ggufType && !smaller && (
        <>
          <div className="export-archive">
            <span>Archive (legacy)</span>
            <Segments
              label="Archive (legacy)"
              value={archive ?? 'dense'}
              options={formats}
              onChange={setWeights}
            />
          </div>
          <p className="hint">{ARCHIVE_STATUS}</p>
        </>
      )}
      <Switch
        label="Masks too"
        help="masks.safetensors: one bit for each weight, 1 where it was kept, and a script that applies them"
        checked={options.masks}
        disabled={busy || ggufType !== undefined}
        onChange={setMasks}
      />
      <Switch
        label="Recipe for llm-compressor"
        help={
          obstacle === null
            ? 'recipe.yaml with these sparsities, the calibration ids and a script: the same run on a bigger machine'
            : `Not here: ${obstacle}. The masks can be applied there instead.`
        }
        checked={options.recipe}
        disabled={busy || obstacle !== null || ggufType !== undefined}
        onChange={setRecipe}
      />
      <div className="dialog-actions">
        {'showDirectoryPicker' in window && (
          <button
            type="button"
            className="button primary"
            disabled={busy}
            onClick={() => void write(toFolder)}
          >
            Save to folder
          </button>
        )}
        <button type="button" className="button" disabled={busy} onClick={() => void write(toDownloads)}>
          Download
        </button>
      </div>
      {busy && <ExportProgress />}
      {done && <Verified done={done} />}
    </Modal>
  );
}

function WhatIsExported() {
  const spec = useSpec((state) => state.spec);
  const tilt = spec.allocation === 'atp' && spec.pattern === 'free' ? `, β ${betaOf(spec)}` : '';
  return (
    <p>
      {spec.pruner},{' '}
      {spec.pattern === 'free' ? `sparsity ${percent(spec.sparsity)}` : `pattern ${spec.pattern}`}
      {tilt}, {spec.samples} calibration samples, seed {spec.seed}.
    </p>
  );
}

/** Tokens per second that Generate has measured on this device, with the kernels that read dense weights. */
/** Formats without a measurement: what the last Generate says, and where they are measured. */
function NotMeasured() {
  const result = useRun(({ generation }) => generation?.result ?? null);
  const [dense, pruned] = [result?.dense.tokensPerSecond ?? NaN, result?.pruned?.tokensPerSecond];
  return (
    <p className="hint">
      {pruned === undefined
        ? 'How fast each format is on this adapter was not measured for this pruning. '
        : `Measured here by the last Generate, dense weights both times: ${compact(dense)} tokens/s before pruning, ${compact(pruned)} with zeros, ×${(pruned / dense).toFixed(2)}. `}
      <button
        type="button"
        className="link-button"
        onClick={() => uiStore.setState({ dialog: { name: 'speed' } })}
      >
        Measure every format
      </button>
    </p>
  );
}

function usePrediction(): Prediction | null {
  const lab = useLab();
  const [prediction, setPrediction] = useState<Prediction | null>(null);
  useEffect(() => {
    let current = true;
    lab.predict('export').then(
      (value) => {
        if (current) setPrediction(value);
      },
      () => undefined, // an export can be made without being predicted
    );
    return () => {
      current = false;
    };
  }, [lab]);
  return prediction;
}

function ExportProgress() {
  const lab = useLab();
  const job = useRun(({ jobs }) => jobs.find(({ kind }) => kind === 'export'));
  if (!job) return null;
  return (
    <div className="export-progress">
      <span className="bar-track">
        <span style={{ width: job.total > 0 ? `${(100 * job.done) / job.total}%` : '0%' }} />
      </span>
      <span>{job.stage}</span>
      <button type="button" className="button small" onClick={() => lab.cancel()}>
        Stop
      </button>
    </div>
  );
}

function Verified({ done }: { done: Done }) {
  const { sparsity, exported } = done.report;
  const matrices = Object.values(sparsity?.matrices ?? {});
  const zeros = matrices.reduce((sum, matrix) => sum + matrix.zeros, 0);
  return (
    <div className="verified" role="status" aria-label="Export result">
      <p>
        <Icon name="check" /> <b>Written and verified.</b> {done.files.length} files,{' '}
        {bytes(done.files.reduce((sum, file) => sum + file.bytes, 0))}, to {done.where}. Read back from what
        was written: {count(zeros)} zeros in {matrices.length} matrices
        {sparsity && `, ${percent(sparsity.achieved, 2)}`}, every hash as noted in pruning.json.
        {exported && ` Perplexity of this file: ${exported.perplexity?.toPrecision(6) ?? 'diverged'}.`}
      </p>
      <ul>
        {done.files.map((file) => (
          <li key={file.path}>
            <span>{file.path}</span> <span>{bytes(file.bytes)}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
