// @ts-check
// Passes a child's standard error on, line by line, without what native libraries and Node write into it.

/** Written by Dawn and the Vulkan loader, or by Node itself; never by this program. */
const NOISE = [
  /^(Warning|Info|Debug): /, // Dawn's log
  /^\s+at .*[/\\]dawn[/\\]/, // the place in Dawn's source, on the line after
  /^(WARNING|INFO|DEBUG)[:| ].*(vulkan|loader|layer|driver|ICD)/i,
  /^(MESA|libEGL|llvmpipe|lavapipe|radv|ANV)\b.*(warning|WARNING|not a conformant|-intel)/,
  /maxDynamic(Uniform|Storage)BuffersPerPipelineLayout/,
  /^\(node:\d+\) .*Warning/,
  /^\(Use `node --trace-warnings/,
];
/** Dawn's errors come with their place on the next line; ours do not. */
const RE_ERROR = /^Error: /;
const RE_PLACE = /^\s+at .*[/\\]dawn[/\\]/;
/** A line that has no end yet is shown after this long, for progress that is redrawn in place. */
const FLUSH_MS = 40;

/** @param {string} line without its end */
export function isNoise(line) {
  return NOISE.some((pattern) => pattern.test(line));
}

/**
 * @param {import('node:stream').Readable} from
 * @param {{ write: (text: string) => unknown }} to
 */
export function quietStderr(from, to) {
  let rest = '';
  /** An "Error:" line whose next line decides whether it is Dawn's. */
  let held = '';
  /** True after part of a line was written already. */
  let inLine = false;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;

  const release = () => {
    if (held) to.write(held);
    held = '';
  };
  /** @param {string} line @param {string} end */
  const take = (line, end) => {
    if (inLine) {
      to.write(line + end);
      inLine = false;
    } else if (held && RE_PLACE.test(line)) {
      held = '';
    } else {
      release();
      if (RE_ERROR.test(line)) held = line + end;
      else if (!isNoise(line)) to.write(line + end);
    }
  };
  const flush = () => {
    release();
    if (!rest || isNoise(rest)) return;
    to.write(rest);
    rest = '';
    inLine = true;
  };

  from.setEncoding('utf8');
  from.on('data', (/** @type {string} */ text) => {
    clearTimeout(timer);
    // A carriage return ends a piece too: it redraws the line, and may be followed by a native line.
    const pieces = (rest + text).split(/(\r?\n|\r(?!\n|$))/);
    for (let i = 0; i + 1 < pieces.length; i += 2) take(pieces[i] ?? '', pieces[i + 1] ?? '');
    rest = pieces[pieces.length - 1] ?? '';
    if (rest || held) timer = setTimeout(flush, FLUSH_MS);
  });
  from.on('end', () => {
    clearTimeout(timer);
    flush();
  });
}
