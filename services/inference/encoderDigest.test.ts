import { beforeAll, describe, expect, it } from 'vitest';
import { readManifest } from './bundle.js';
import { encoderDigest } from './encoderDigest.js';
import { SHIPPED } from './inference.fixture.js';
import type { Manifest } from './manifest.js';

let shipped: Manifest;
beforeAll(async () => {
  ({ manifest: shipped } = await readManifest(SHIPPED));
});
const other = 'f'.repeat(64);
/** The shipped manifest with another content of some file. */
const changed = (path: string): Manifest => ({
  ...shipped,
  files: shipped.files.map((file) => (file.path === path ? { ...file, sha256: other } : file)),
});

describe('the digest of an encoder', () => {
  it('is the same for bundles that differ in version, heads, label spaces or order of files alone', () => {
    const digest = encoderDigest(shipped);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    const heads = shipped.spaces[0]!.stages[0]!.file;
    const same = [
      { ...shipped, version: '9.9.9', name: 'another', createTime: new Date() },
      changed(heads),
      changed('MODEL_CARD.md'),
      { ...shipped, spaces: shipped.spaces.slice(1) },
      { ...shipped, files: shipped.files.toReversed() },
    ];
    expect(new Set(same.map(encoderDigest))).toEqual(new Set([digest]));
  });

  it('is another one when the trunk or the tokenizer is, or what is read of them', () => {
    const { tokenizer, trunk } = shipped;
    const others = [
      shipped,
      changed(trunk[0]!.file),
      changed(tokenizer.file),
      changed(tokenizer.configFile),
      { ...shipped, tokenizer: { ...tokenizer, maxTokens: 64 } },
      { ...shipped, embeddingTensor: 'hidden' },
    ];
    expect(new Set(others.map(encoderDigest)).size).toBe(others.length);
  });
});
