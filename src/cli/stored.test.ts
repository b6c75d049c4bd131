import { expect, test } from 'vitest';
import { defaultSpec } from '../core/spec';
import { pinned } from './stored';

test('names on the Hub get the commits that the report states, others stay as they are', () => {
  const [model, wiki] = ['a'.repeat(40), 'b'.repeat(40)];
  const spec = {
    ...defaultSpec(),
    model: 'hf:owner/name',
    texts: { calibration: 'hf:c4@v1', select: 'bundled', report: 'hf:wikitext-2/test' },
  };
  const report = {
    model: { commit: model },
    texts: { report: { source: `hf:Salesforce/wikitext@${wiki}/test.parquet` }, select: null },
  };
  expect(pinned(spec, report)).toEqual({
    ...spec,
    model: `hf:owner/name@${model}`,
    texts: { calibration: 'hf:c4@v1', select: 'bundled', report: `hf:wikitext-2/test@${wiki}` },
  });
  expect(pinned(spec, spec)).toEqual(spec);
  expect(pinned(spec, { model: { commit: '../x' }, texts: { report: { source: 5 } } })).toEqual(spec);
});
