/** Axis ranges and ticks of the page's charts. */
export { layerTicks, linearAxis, logAxis, perplexityAxis, type Axis } from '../../core/scales';
