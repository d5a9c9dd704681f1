import { expect, it } from 'vitest';
import { nameReader } from './nameReader.js';
import type { Tokenize } from './tokenizer.js';

/** A token for each character, between two special ones. */
const tokenize: Tokenize = (text) => ({ ids: Int32Array.of(1, ...Array.from(text, (char) => char.charCodeAt(0)), 2), truncated: false });

it.each([8, 16, 64, 256])('every word of a long text is read once for itself, in parts of at most %i tokens', (maxTokens) => {
  const text = 'extraordinarily long-winded words go on and on '.repeat(40);
  const { words, parts } = nameReader(tokenize, maxTokens)(text);
  expect(Math.max(...parts.map(({ ids }) => ids.length))).toBeLessThanOrEqual(maxTokens);
  expect(parts.flatMap(({ firsts }) => firsts.map(({ word }) => word))).toEqual(words.map((_, word) => word));
});
