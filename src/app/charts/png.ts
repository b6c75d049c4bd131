/** A chart as a picture: its SVG with the computed styles written into it, drawn on a canvas under its title. */
import { LabError } from '../../core/errors';

const STYLES = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-opacity',
  'opacity', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'paint-order', 'visibility', 'display',
] as const; // prettier-ignore

const SCALE = 2;
const PADDING = 16;
const LINE = 16;
const KEY_LINE = 18;
/** Width of a sample of a line, and where the text behind it begins. */
const SAMPLE = 20;
const TEXT_AT = 26;

/** One item of the legend: a piece of a line, a patch, a sign, or its text alone. */
interface Key {
  text: string;
  colour: string;
  sample: { line: number[] } | 'patch' | { sign: string } | null;
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
  // The caption of the table begins with what the title says.
  const said = caption.startsWith(title) ? caption.slice(title.length).replace(/^[.;:,]\s*/, '') : caption;
  const lines = wrap(context, said.charAt(0).toUpperCase() + said.slice(1), width);
  const keys = placeKeys(context, keysOf(svg), width);
  const keyLines = (keys.at(-1)?.line ?? -1) + 1;
  const head = 24 + lines.length * LINE + (keyLines > 0 ? keyLines * KEY_LINE + 4 : 0) + 8;
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
  drawKeys(context, keys, PADDING + 40 + lines.length * LINE);
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

/** The legend beside the drawing, as it is drawn there. */
function keysOf(svg: SVGSVGElement): Key[] {
  const items = svg.closest('figure')?.querySelectorAll<HTMLElement>('.legend li') ?? [];
  return [...items].map((item) => {
    const text = item.textContent ?? '';
    const path = item.querySelector('path');
    if (path) {
      const { stroke, strokeDasharray } = getComputedStyle(path);
      const line = strokeDasharray === 'none' ? [] : strokeDasharray.split(/[\s,]+/).map(parseFloat);
      return { text, colour: stroke, sample: { line } };
    }
    const before = getComputedStyle(item, '::before');
    const sign = /^"(.+)"$/.exec(before.content)?.[1];
    if (sign !== undefined) return { text, colour: before.color, sample: { sign } };
    if (before.display === 'none' || before.content === 'none')
      return { text, colour: before.color, sample: null };
    if (parseFloat(before.borderTopWidth) > 0) {
      const dashes: Record<string, number[]> = { dashed: [6, 3], dotted: [2, 3] };
      return {
        text,
        colour: before.borderTopColor,
        sample: { line: dashes[before.borderTopStyle] ?? [] },
      };
    }
    if (before.backgroundImage === 'none')
      return { text, colour: before.backgroundColor, sample: 'patch' as const };
    return { text, colour: keyColour(item), sample: { line: [7, 2, 2, 2] } };
  });
}

/** `--key` of a legend item as a colour that a canvas knows: the custom property itself may still be a light-dark(). */
function keyColour(item: HTMLElement): string {
  const probe = document.createElement('span');
  probe.style.color = 'var(--key, currentcolor)';
  item.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

interface PlacedKey extends Key {
  x: number;
  line: number;
}

/** The keys one behind another, on as many lines as the width takes. */
function placeKeys(context: CanvasRenderingContext2D, keys: readonly Key[], width: number): PlacedKey[] {
  let x = 0;
  let line = 0;
  return keys.map((key) => {
    const needed = (key.sample ? TEXT_AT : 0) + context.measureText(key.text).width;
    if (x > 0 && x + needed > width) {
      x = 0;
      line++;
    }
    const placed = { ...key, x, line };
    x += needed + 16;
    return placed;
  });
}

function drawKeys(context: CanvasRenderingContext2D, keys: readonly PlacedKey[], top: number): void {
  const ink = context.fillStyle;
  for (const { text, colour, sample, x: from, line } of keys) {
    const x = PADDING + from;
    const y = top + line * KEY_LINE;
    if (sample === 'patch') {
      context.fillStyle = colour;
      context.fillRect(x, y - 10, SAMPLE, 12);
    } else if (sample && 'sign' in sample) {
      context.fillStyle = colour;
      context.fillText(sample.sign, x + SAMPLE / 2 - 4, y);
    } else if (sample) {
      context.strokeStyle = colour;
      context.lineWidth = 2.5;
      context.setLineDash(sample.line);
      context.beginPath();
      context.moveTo(x, y - 4);
      context.lineTo(x + SAMPLE, y - 4);
      context.stroke();
    }
    context.fillStyle = ink;
    context.fillText(text, x + (sample ? TEXT_AT : 0), y);
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
