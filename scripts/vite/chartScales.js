// @ts-check
// Vite plugin: recharts looks its scales up by name in all of d3-scale, which brings calendars and colours along. These
// are the ones that our axes have.
const NAME = 'victory-vendor/d3-scale';
const SCALES = ['scaleLinear', 'scaleLog', 'scaleBand', 'scalePoint', 'scaleOrdinal'];

/** @returns {import('vite').Plugin} */
export function chartScales() {
  return {
    name: 'prunelab-chart-scales',
    apply: 'build',
    enforce: 'pre',
    resolveId: (id) => (id === NAME ? `\0${NAME}` : null),
    load: (id) => (id === `\0${NAME}` ? `export { ${SCALES.join(', ')} } from 'd3-scale';` : null),
  };
}
