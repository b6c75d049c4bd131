/** Margins shared by the charts over layers, so that layer stands above layer. */
export interface PlotBox {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

export function plotBox(rem: number): PlotBox {
  return {
    left: Math.round(3.1 * rem),
    right: Math.round(0.9 * rem),
    top: Math.round(0.6 * rem),
    bottom: Math.round(1.5 * rem),
  };
}
