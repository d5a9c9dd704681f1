import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { packageRoot } from '../lib/packageRoot.js';
import { eightBitWeights, withoutSamples } from './onnxGraph.js';

const shipped = (file: string): Promise<Uint8Array> => readFile(new URL(`models/default/${file}`, packageRoot));

it('counts the 8-bit weights of the six layers of the encoder', async () => {
  const layer = 384 * (3 * 384) + 384 * 384 + 2 * 384 * 1536;
  expect(eightBitWeights(await shipped('trunk.onnx'))).toBe(6 * layer);
});

it('does not cut out an input that the other answers turn on', async () => {
  const top = await shipped('spaces/banking/top.onnx');
  expect(() => withoutSamples(top, 'banking.mc.logits', 'hidden')).toThrow('turn on hidden');
});
