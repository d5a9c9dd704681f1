import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BundleFile } from '../../gen/replymesh/type/v1/bundle.js';
import { packageRoot } from '../../lib/packageRoot.js';
import type { Bundle } from './bundle.js';
import { openTokenizer, type Tokenize } from './tokenizer.js';
import { type GoldenBlock, textsOf } from './variations.fixture.js';

interface Golden {
  readonly limits: readonly number[];
  readonly special: readonly { readonly text: string; readonly ids: number[] }[];
  readonly blocks: readonly GoldenBlock[];
  readonly config: object;
  readonly tokenizer: object;
}
const golden: Golden = JSON.parse(readFileSync(new URL('training/data/byte-golden.json', packageRoot), 'utf8'));

const dir = mkdtempSync(join(tmpdir(), 'replymesh-byte-'));
afterAll(() => rmSync(dir, { recursive: true }));

function written(path: string, value: object): BundleFile {
  const content = Buffer.from(JSON.stringify(value));
  writeFileSync(join(dir, path), content);
  return { path, sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

let readers: Tokenize[];
beforeAll(async () => {
  const bundle = { dir, manifest: { files: [written('byte.json', golden.tokenizer), written('config.json', golden.config)] } };
  const open = (maxTokens: number) =>
    openTokenizer(bundle as unknown as Bundle, { file: 'byte.json', configFile: 'config.json', maxTokens, padTokenId: 1 });
  readers = await Promise.all(golden.limits.map(open));
});

/** As `byte_golden.py` makes it. */
function digest(texts: readonly string[]): string {
  const seen = createHash('sha256');
  for (const tokenize of readers) {
    for (const text of texts) {
      const { ids } = tokenize(text);
      seen.update(Int32Array.of(ids.length, ...ids));
    }
  }
  return seen.digest('hex');
}

describe('byte-level token ids are those of the library that the models were trained with', () => {
  it.each(golden.special)('$text', ({ text, ids }) => {
    expect([...readers[0]!(text).ids]).toEqual(ids);
  });

  it.each(golden.blocks)('$name', ({ name, rows, sha256 }) => {
    const texts = textsOf(name);
    expect([texts.length, digest(texts)]).toEqual([rows, sha256]);
  });
});

describe('byte-level tokens', () => {
  it('of any text are within the limit and between the special ones', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { ids, truncated } = readers[0]!(text);
        expect(ids.length).toBeLessThanOrEqual(golden.limits[0]!);
        expect([ids[0], ids.at(-1)]).toEqual([0, 2]);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
        if (!truncated) expect(readers[1]!(text).ids).toEqual(ids);
      }),
    );
  });
});
