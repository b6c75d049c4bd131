import { expect, test } from 'vitest';
import { compactShader } from './compactShaders.js';

test('comments of whole lines and indentation go, statements and what follows them stay', () => {
  const code = [
    '// What it does.',
    'struct Params {',
    '  // Rows.',
    '  rows: u32, // not a line of its own',
    '}',
    '',
    'const a = 4u / 2u;',
  ];
  expect(compactShader(code.join('\n'))).toBe(
    'struct Params {\nrows: u32, // not a line of its own\n}\nconst a = 4u / 2u;',
  );
});

test('no shader has a block comment, of which a line could begin with two slashes', () => {
  const shaders = import.meta.glob<string>('../../shaders/**/*.wgsl', {
    query: '?raw',
    import: 'default',
    eager: true,
  });
  expect(Object.keys(shaders).length).toBeGreaterThan(20);
  for (const code of Object.values(shaders)) expect(code).not.toContain('/*');
});
