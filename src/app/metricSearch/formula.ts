/** Metrics of Pruner-Zero as people write them: mul(abs(mul(W,W)),minmax(G)) is |W · W| · minmax(G). Pure. */
import { parseExpression, type Expression } from '../../pruning/solvers/expressions';

/** How tightly the outermost operation of a formula binds. */
const SUM = 1;
const PRODUCT = 2;
const ROOT = 3;
const POWER = 4;
const WHOLE = 5;

interface Written {
  text: string;
  binds: number;
}

/** ‖y‖ is the Frobenius norm. SpecError where the text is no metric. */
export function formulaOf(metric: string): string {
  return write(parseExpression(metric)).text;
}

function write(e: Expression): Written {
  if (typeof e === 'string') return { text: e, binds: WHOLE };
  if ('of' in e) {
    const inner = write(e.of);
    switch (e.op) {
      case 'skip':
        return inner;
      case 'sqr':
      case 'pow2':
        return { text: `${within(inner, WHOLE)}²`, binds: POWER };
      case 'abs':
        return { text: `|${inner.text}|`, binds: WHOLE };
      case 'neg':
        return { text: `−${within(inner, PRODUCT)}`, binds: SUM };
      case 'sqrt':
        return { text: `√|${inner.text}|`, binds: ROOT };
      case 'log':
        return { text: `log(|${inner.text}| + 0.001)`, binds: WHOLE };
      default:
        return { text: `${e.op}(${inner.text})`, binds: WHOLE };
    }
  }
  const [left, right] = [write(e.left), write(e.right)];
  switch (e.op) {
    case 'add':
      return { text: `${within(left, SUM)} + ${within(right, PRODUCT)}`, binds: SUM };
    case 'sub':
      return { text: `${within(left, SUM)} − ${within(right, PRODUCT)}`, binds: SUM };
    case 'mul':
      return { text: `${within(left, PRODUCT)} · ${within(right, PRODUCT)}`, binds: PRODUCT };
    case 'div':
      return { text: `${within(left, PRODUCT)} / ‖${right.text}‖`, binds: PRODUCT };
  }
}

/** In brackets where it binds less than its place asks for. */
function within({ text, binds }: Written, least: number): string {
  return binds < least ? `(${text})` : text;
}
