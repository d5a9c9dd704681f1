import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { LabelSpace, Stage } from '../gen/replymesh/type/v1/bundle.js';
import type { Bundle } from '../services/inference/bundle.js';
import { declaredFile, readBundleFile } from '../services/inference/bundleFile.js';
import { withoutSamples } from './onnxGraph.js';

/** Copies what the models of some spaces are made of to `dir`, with nothing stochastic left in it: no dropout head, no masks, no samples; and no tagger of names. */
export async function withoutDropout(bundle: Bundle, spaceNames: readonly string[], dir: string): Promise<Bundle> {
  const spaces = bundle.manifest.spaces.filter((space) => spaceNames.includes(space.name));
  const files: Bundle['manifest']['files'] = [];
  const copy = async ({ file }: Stage, change: (model: Uint8Array) => Uint8Array): Promise<void> => {
    const content = change(await readBundleFile(bundle.dir, declaredFile(bundle, file)));
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), content);
    files.push({ path: file, sizeBytes: content.length, sha256: createHash('sha256').update(content).digest('hex') });
  };
  for (const stage of bundle.manifest.trunk) await copy(stage, (model) => model);
  for (const { stages, monteCarlo } of spaces) {
    for (const stage of stages) {
      const samples = monteCarlo !== undefined && stage.outputs.includes(monteCarlo.logitsTensor);
      await copy(stage, (model) => (samples ? withoutSamples(model, monteCarlo.logitsTensor, monteCarlo.maskTensor) : model));
    }
  }
  return { ...bundle, dir, manifest: { ...bundle.manifest, files, names: undefined, spaces: spaces.map(plain) } };
}

function plain({ monteCarlo, ...space }: LabelSpace): LabelSpace {
  const left = (names: readonly string[]): string[] =>
    names.filter((name) => name !== monteCarlo?.logitsTensor && name !== monteCarlo?.maskTensor);
  return {
    ...space,
    monteCarlo: undefined,
    stages: space.stages.map((stage) => ({ ...stage, inputs: left(stage.inputs), outputs: left(stage.outputs) })),
  };
}
