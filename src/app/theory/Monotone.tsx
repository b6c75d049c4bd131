/** Theorem 3.1: errors of layers and matrices over sparsity, and where the proof's steps fail. */
import { useState } from 'react';
import type { MonotoneExperiment } from '../../core/theory';
import { SeriesFigure } from '../compare/SeriesFigure';
import { NumberField } from '../controls/fields';
import { innerProducts, localErrors, matrixErrors, monotoneTable, violatingRows } from './figures';
import type { ResultProps } from './resultProps';

const ERRORS = { x: 'linear', y: 'auto' } as const;
const SHARES = { x: 'linear', y: 'share' } as const;
const SIGNED = { x: 'linear', y: 'signed' } as const;

export function Monotone({ experiment, record, file }: ResultProps<MonotoneExperiment>) {
  const { layers, rates } = experiment;
  const [wanted, setWanted] = useState(1);
  const layer = layers[Math.min(wanted, layers.length) - 1];
  if (!layer) return null;
  const number = layer.layer + 1;
  return (
    <>
      <SeriesFigure
        title="Local error by sparsity"
        subtitle="Squared error of each pruned layer on its dense input"
        file={file('layers')}
        axis="sparsity"
        series={localErrors(layers, rates, record.model.layers)}
        scales={ERRORS}
        className="theory-ramp"
      />
      {layer.matrices.length > 0 && (
        <>
          <SeriesFigure
            title="Violating rows by sparsity"
            subtitle="Share of the rows of all layers whose error falls on the step to this sparsity"
            file={file('rows')}
            axis="sparsity"
            series={violatingRows(experiment)}
            scales={SHARES}
            table={monotoneTable(
              layers,
              'Violating rows by sparsity. Steps of each matrix that go against the theorem or its proof.',
            )}
          />
          <div className="theory-choice">
            <NumberField
              label="Layer of the matrices"
              value={number}
              min={1}
              max={layers.length}
              onCommit={(value) => setWanted(value ?? 1)}
            />
          </div>
          <SeriesFigure
            title="Error of each matrix"
            subtitle={`Layer ${number}, squared error on dense inputs`}
            file={file(`matrices-layer${number}`)}
            axis="sparsity"
            series={matrixErrors(layer, rates)}
            scales={ERRORS}
          />
          <SeriesFigure
            title="Inner product of the proof"
            subtitle={`Layer ${number}: between this sparsity and the one before, as a share of the larger error; the proof wants it above 0`}
            file={file(`inner-layer${number}`)}
            axis="sparsity"
            series={innerProducts(layer, rates)}
            scales={SIGNED}
            marks={[{ y: 0, label: '', className: 'zero-line' }]}
          />
        </>
      )}
    </>
  );
}
