import { expect, it } from 'vitest';
import { toCsv } from './csv';

it('quotes what needs quoting and ends every line', () => {
  const table = {
    caption: '',
    columns: ['layer', 'a, b'],
    rows: [
      ['1', ''],
      ['2', 'say "x"'],
    ],
  };
  expect(toCsv(table)).toBe('layer,"a, b"\r\n1,\r\n2,"say ""x"""\r\n');
});
