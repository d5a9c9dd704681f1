import { createHash } from 'node:crypto';

/** What the masks of one text are drawn from: the 32 bytes of `docs/reference/dropout.md`, step 1. */
export type DropoutSeed = Uint8Array;

const encoder = new TextEncoder();
const ZERO = Uint8Array.of(0);

/**
 * Seed of one text's masks. `text` is the masked text as the tokenizer gets it; `bundleDigest` is lower-case hexadecimal.
 * Source: `docs/reference/dropout.md`, step 1.
 */
export function dropoutSeed(tenant: string, text: string, bundleDigest: string): DropoutSeed {
  const hash = createHash('sha256');
  for (const part of [encoder.encode(tenant), ZERO, encoder.encode(text), ZERO, encoder.encode(bundleDigest)]) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The four words that start the generator, from the seed's first 16 bytes. @throws RangeError when there are fewer */
export function seedWords(seed: DropoutSeed): [number, number, number, number] {
  const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength);
  const [s0, s1, s2, s3] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true), view.getUint32(12, true)];
  return [(s0 | s1 | s2 | s3) === 0 ? 1 : s0, s1, s2, s3];
}

/**
 * Draws keep bits (1 kept, 0 dropped) into `mask`; the same words give the same bits, in Python too.
 * @param words start of the generator, four unsigned 32-bit words, not all zero
 * @param mask uint8, samples × width, row-major; its length is a multiple of 4
 * @param dropBelow a unit is dropped when its random byte is less than this, 1 to 255
 * @throws RangeError when the length is no multiple of 4
 * Source: xoshiro128** 1.1 (Blackman and Vigna 2018); `docs/reference/dropout.md`, steps 2 to 4.
 */
export function drawMask(words: readonly [number, number, number, number], mask: Uint8Array, dropBelow: number): void {
  if (mask.length % 4 !== 0) throw new RangeError(`A mask holds a multiple of 4 units, not ${mask.length}.`);
  let [s0, s1, s2, s3] = words;
  for (let i = 0; i < mask.length; i += 4) {
    const times5 = Math.imul(s1, 5);
    const word = Math.imul((times5 << 7) | (times5 >>> 25), 9);
    const t = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= t;
    s3 = (s3 << 11) | (s3 >>> 21);
    mask[i] = (word & 0xff) >= dropBelow ? 1 : 0;
    mask[i + 1] = ((word >>> 8) & 0xff) >= dropBelow ? 1 : 0;
    mask[i + 2] = ((word >>> 16) & 0xff) >= dropBelow ? 1 : 0;
    mask[i + 3] = word >>> 24 >= dropBelow ? 1 : 0;
  }
}
