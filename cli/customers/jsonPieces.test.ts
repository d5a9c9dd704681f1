import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { piecesOf } from './jsonPieces.js';

const values = fc.array(fc.jsonValue().filter((value) => typeof value === 'object' && value !== null && !Array.isArray(value)));

describe('the values of a JSON text', () => {
  it('are all there, in their order, however the text is laid out', () => {
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 2, '\t'), (list, indent) => {
        const read = (text: string) => piecesOf(text).map((piece) => JSON.parse(piece.text) as unknown);
        const same = JSON.parse(JSON.stringify(list)) as unknown[];
        expect(read(JSON.stringify(list, null, indent))).toEqual(same);
        expect(read(list.map((value) => `${JSON.stringify(value)}\r\n`).join('\n'))).toEqual(same);
        if (same[0]) expect(read(JSON.stringify(same[0], null, indent))).toEqual([same[0]]);
      }),
    );
  });

  it.each([
    ['lines, of which one is broken', '{"a":1}\n\n{"b":\n{"c":3}\n', ['1 {"a":1}', '3 {"b":', '4 {"c":3}']],
    [
      'an array, of which one element is broken',
      '[\n {"a":"]}"},\n {"b" 2},\n\n {"c":[3,4]}\n]\n',
      ['2 {"a":"]}"}', '3 {"b" 2}', '5 {"c":[3,4]}'],
    ],
    ['an array that does not end', '[{"a":1},\n{"b":"x', ['1 {"a":1}', '2 {"b":"x']],
    ['what follows on an array', '[{"a":1}]\n[{"b":2}]', ['1 {"a":1}', '2 [{"b":2}]']],
    ['one object over lines', '\n{\n"a":1\n}\n', ['2 {\n"a":1\n}']],
    ['nothing', ' \n', []],
    ['an array of nothing', '[ ]', []],
  ])('are told by their lines: %s', (_, text, pieces) => {
    expect(piecesOf(text).map((piece) => `${piece.line} ${piece.text}`)).toEqual(pieces);
  });

  it('are found in a moment, also where nothing ever ends', () => {
    for (const text of [`[${'{'.repeat(200_000)}`, `["${'\\"'.repeat(200_000)}`, '[{},'.repeat(50_000), '\n'.repeat(200_000)]) {
      const start = performance.now();
      piecesOf(text);
      expect(performance.now() - start).toBeLessThan(2000);
    }
  });
});
