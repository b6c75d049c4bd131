/** The mask of a matrix as a picture: a dot where a weight is left, lighter the fewer are left in a cell. */
import { useEffect, useRef, type CSSProperties } from 'react';
import { fromBase64 } from '../../core/base64';
import type { MatrixRecord } from '../../core/layerRecord';
import { percent } from '../format';
import { dead } from './MatrixFigures';

/** Long matrices are drawn no longer than this, so that both sides can be seen. */
const MAX_ASPECT = 2;

export function MaskFigure({ matrix }: { matrix: MatrixRecord }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { name, rows, cols, picture } = matrix;
  useEffect(() => {
    if (canvas.current) draw(canvas.current, matrix);
  }, [matrix]);
  const aspect = Math.min(MAX_ASPECT, Math.max(1 / MAX_ASPECT, cols / rows));
  const cell = `${shown(rows / picture.height)} × ${shown(cols / picture.width)}`;
  return (
    <figure className="mask-figure" aria-label="Mask">
      <h3>Mask of {name}</h3>
      <p className="sub">
        Rows are outputs, columns inputs.{' '}
        {cell === '1 × 1' ? 'Each dot is a weight that is left.' : `Each dot stands for ${cell} weights.`}
      </p>
      <canvas
        ref={canvas}
        role="img"
        aria-label={`${name}: ${percent(matrix.zeros / matrix.count, 2)} zeros, ${dead(matrix.dead.rows, matrix.dead.rowsBefore)} dead rows, ${dead(matrix.dead.cols, matrix.dead.colsBefore)} dead columns`}
        width={picture.width}
        height={picture.height}
        style={{ aspectRatio: String(aspect), '--aspect': aspect } as CSSProperties}
      />
    </figure>
  );
}

function shown(weights: number): string {
  return Number.isInteger(weights) ? String(weights) : weights.toFixed(1);
}

/** In the canvas's text colour, more opaque the more is left. */
function draw(canvas: HTMLCanvasElement, { picture }: MatrixRecord): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  context.clearRect(0, 0, picture.width, picture.height);
  context.fillStyle = getComputedStyle(canvas).color;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  const image = context.createImageData(picture.width, picture.height);
  fromBase64(picture.kept).forEach((kept, i) => image.data.set([red, green, blue, kept], i * 4));
  context.putImageData(image, 0, 0);
}
