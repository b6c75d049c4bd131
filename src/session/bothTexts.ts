/** The select and the report text measured in one pass, and their figures taken apart again. */
import { sha256Hex } from '../core/hash';
import { divergenceOf, windowDivergence } from '../eval/divergence';
import { figuresOf, type Figures, type MeasuredText } from './figures';
import type { ResolvedText } from './texts';

/** What a pass says about a text, with the rows [tokens, 4] behind the divergence. */
type Measured = MeasuredText & { comparison: Float32Array | null };

export interface EvaluatedText {
  text: ResolvedText;
  /** Figures of the report text, and of the select text where it is measured as well. */
  split(measured: Measured): { report: Figures; select: Figures | null };
  /** Window losses of the report text among those of the whole. */
  reportLosses(losses: number[]): number[];
  selectLosses(losses: number[]): number[];
}

export function reportOnly(text: ResolvedText): EvaluatedText {
  return {
    text,
    split: (measured) => ({ report: figuresOf(measured), select: null }),
    reportLosses: (losses) => losses,
    selectLosses: () => [],
  };
}

/** The windows of both, one after another: no figure of a window depends on the windows beside it. */
export async function selectAndReport(select: ResolvedText, report: ResolvedText): Promise<EvaluatedText> {
  const windows = select.windows.lengths.length;
  const ids = new Uint32Array(select.windows.tokens + report.windows.tokens);
  ids.set(select.windows.ids);
  ids.set(report.windows.ids, select.windows.tokens);
  const lengths = [...select.windows.lengths, ...report.windows.lengths];
  const part = ({ windowLosses, comparison }: Measured, begin: number, end?: number): Figures => {
    const compared = comparison && windowDivergence(comparison, lengths);
    return figuresOf({
      windowLosses: windowLosses?.slice(begin, end) ?? null,
      divergence:
        compared &&
        divergenceOf({ kl: compared.kl.slice(begin, end), topOne: compared.topOne.slice(begin, end) }),
    });
  };
  return {
    text: {
      windows: { ids, lengths, tokens: ids.length },
      record: {
        source: `${select.record.source} and ${report.record.source}`,
        sha256: await sha256Hex(`${select.record.sha256} ${report.record.sha256}`),
        windows: lengths.length,
        window: Math.max(select.record.window, report.record.window),
        tokens: ids.length,
      },
      warning: null,
    },
    split: (measured) => ({ select: part(measured, 0, windows), report: part(measured, windows) }),
    reportLosses: (losses) => losses.slice(windows),
    selectLosses: (losses) => losses.slice(0, windows),
  };
}
