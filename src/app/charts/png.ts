/** A chart as a picture: its SVG with the computed styles written into it, drawn on a canvas under its title. */
import { LabError } from '../../core/errors';

const STYLES = [
  'fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap', 'stroke-linejoin', 'stroke-opacity',
  'opacity', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'visibility', 'display',
] as const; // prettier-ignore

const SCALE = 2;
const PADDING = 16;
const HEAD = 52;

/** `title` and `caption` go above the drawing. */
export async function svgToPng(svg: SVGSVGElement, title: string, caption: string): Promise<Blob> {
  const { width, height } = svg.getBoundingClientRect();
  const styles = getComputedStyle(document.documentElement);
  const clone = inlineStyles(svg);
  clone.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  clone.setAttribute('width', String(width));
  clone.setAttribute('height', String(height));
  const url = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(clone))}`;
  const image = new Image();
  image.src = url;
  await image.decode();

  const canvas = document.createElement('canvas');
  canvas.width = (width + 2 * PADDING) * SCALE;
  canvas.height = (height + HEAD + 2 * PADDING) * SCALE;
  const context = canvas.getContext('2d');
  if (!context)
    throw new LabError(
      'InternalError',
      'The picture could not be drawn: no canvas.',
      'Save the CSV instead.',
    );
  context.scale(SCALE, SCALE);
  const panel = getComputedStyle(svg.closest('.card') ?? document.body);
  context.fillStyle = panel.backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = panel.color;
  context.font = `600 14px ${styles.fontFamily}`;
  context.fillText(title, PADDING, PADDING + 14);
  context.font = `12px ${styles.fontFamily}`;
  context.fillText(caption, PADDING, PADDING + 34, width);
  context.drawImage(image, PADDING, PADDING + HEAD, width, height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob) resolve(blob);
      else
        reject(new LabError('InternalError', 'The picture could not be encoded.', 'Save the CSV instead.'));
    }, 'image/png');
  });
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
