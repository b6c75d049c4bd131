/** A chart as a picture: its SVG with the computed styles written into it, drawn on a canvas under its title. */
import { LabError } from '../../core/errors';

const STYLES = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-opacity',
  'opacity', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'visibility', 'display',
] as const; // prettier-ignore

const SCALE = 2;
const PADDING = 16;
const LINE = 16;

interface Key {
  text: string;
  colour: string;
  dash: number[];
}

/** `title`, `caption` and the keys of the legend go above the drawing. */
export async function svgToPng(svg: SVGSVGElement, title: string, caption: string): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect();
  const font = getComputedStyle(document.documentElement).fontFamily;
  const clone = inlineStyles(svg);
  clone.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  clone.setAttribute('width', String(width));
  clone.setAttribute('height', String(height));
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(clone))}`;
  await image.decode();

  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d');
  if (!context)
    throw new LabError(
      'InternalError',
      'The picture could not be drawn: no canvas.',
      'Save the CSV instead.',
    );
  const small = `12px ${font}`;
  context.font = small;
  const lines = wrap(context, caption, width);
  const keys = keysOf(svg);
  const head = 24 + lines.length * LINE + (keys.length > 0 ? LINE + 6 : 0) + 8;
  canvas.width = (width + 2 * PADDING) * SCALE;
  canvas.height = (height + head + 2 * PADDING) * SCALE;
  context.scale(SCALE, SCALE);
  const panel = getComputedStyle(svg.closest('.card') ?? document.body);
  context.fillStyle = panel.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = panel.color;
  context.font = `600 14px ${font}`;
  context.fillText(title, PADDING, PADDING + 14);
  context.font = small;
  lines.forEach((line, i) => context.fillText(line, PADDING, PADDING + 32 + i * LINE));
  drawKeys(context, keys, PADDING + 38 + lines.length * LINE);
  context.drawImage(image, PADDING, PADDING + head, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else
        reject(new LabError('InternalError', 'The picture could not be encoded.', 'Save the CSV instead.'));
    }, 'image/png');
  });
}

function wrap(context: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (lines.length > 0 && context.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** The legend beside the drawing, its line samples read from their styles. */
function keysOf(svg: SVGSVGElement): Key[] {
  const items = svg.closest('figure')?.querySelectorAll('.legend li') ?? [];
  return [...items].map((item) => {
    const sample = getComputedStyle(item, '::before');
    const drawn = parseFloat(sample.borderTopWidth) > 0;
    const dashes: Record<string, number[]> = { dashed: [6, 3], dotted: [2, 3] };
    return {
      text: item.textContent ?? '',
      colour: drawn
        ? sample.borderTopColor
        : getComputedStyle(item).getPropertyValue('--key') || sample.color,
      dash: drawn ? (dashes[sample.borderTopStyle] ?? []) : [8, 3, 2, 3],
    };
  });
}

function drawKeys(context: CanvasRenderingContext2D, keys: readonly Key[], y: number): void {
  let x = PADDING;
  for (const { text, colour, dash } of keys) {
    context.strokeStyle = colour;
    context.lineWidth = 2.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, y - 4);
    context.lineTo(x + 20, y - 4);
    context.stroke();
    context.fillText(text, x + 26, y);
    x += 26 + context.measureText(text).width + 16;
  }
  context.setLineDash([]);
}

function inlineStyles(svg: SVGSVGElement): SVGSVGElement {
  const clone = svg.cloneNode(true) as SVGSVGElement;
  const from = [svg, ...svg.querySelectorAll<SVGElement>('*')];
  const to = [clone, ...clone.querySelectorAll<SVGElement>('*')];
  from.forEach((element, i) => {
    const computed = getComputedStyle(element);
    const target = to[i];
    for (const name of STYLES) target?.style.setProperty(name, computed.getPropertyValue(name));
  });
  return clone;
}
