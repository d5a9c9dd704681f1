import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { packageRoot } from '../lib/packageRoot.js';
import { openBundle } from '../services/inference/bundle.js';
import { openModels } from '../services/inference/models.js';
import { batchesOf } from './stageTimes.js';
import { withoutDropout } from './withoutDropout.js';

it('answers as the bundle with dropout does, and samples nothing', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'replymesh-bench-'));
  try {
    const shipped = await openBundle(fileURLToPath(new URL('models/default', packageRoot)), 'banking');
    const spaces = shipped.manifest.spaces.filter(({ name }) => name === 'banking' || name === 'sentiment');
    const whole = { ...shipped, manifest: { ...shipped.manifest, spaces } };
    const [batch] = await batchesOf(whole, whole.defaultSpace, Array(16).fill('Where is my card?'));
    const [before] = await (await openModels(whole)).run(batch!);
    const [after] = await (await openModels(await withoutDropout(whole, ['banking', 'sentiment'], dir))).run(batch!);
    expect([before!.evidence!.samples, after!.evidence!.samples]).toEqual([30, 0]);
    expect(after!.evidence!.probabilities).toEqual(before!.evidence!.probabilities);
    expect(after!.sentiment).toEqual(before!.sentiment);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
