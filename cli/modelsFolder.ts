import type { Environment } from '../lib/config.js';
import type { Bundle } from '../services/inference/bundle.js';
import type { Registry } from '../services/inference/registry.js';
import { settings } from './settings.js';

/** The models folder of the mesh on this machine. */
export interface ModelsFolder {
  readonly path: string;
  readonly registry: Registry;
  /** Copies a bundle into it, once it was checked; it is the challenger then. @throws StartError */
  add(folder: string): Promise<Bundle>;
}

/** What opens bundles is loaded when it is needed alone: other commands start without. */
export async function openModelsFolder(env: Environment): Promise<ModelsFolder> {
  const [{ openBundle }, { openRegistry }, { challenged }, { InferenceConfig }, { parseConfig }] = await Promise.all([
    import('../services/inference/bundle.js'),
    import('../services/inference/registry.js'),
    import('../services/inference/aliases.js'),
    import('../services/inference/config.js'),
    import('../lib/config.js'),
  ]);
  const { bundleDir, defaultLabelSpace, modelsDir } = parseConfig(InferenceConfig, env);
  const path = modelsDir ?? `${settings(env).dataDir}/models`;
  const registry = await openRegistry({ folder: path, shipped: bundleDir });
  return {
    path,
    registry,
    add: async (folder) => {
      const bundle = await openBundle(folder, defaultLabelSpace);
      await registry.add(bundle);
      await registry.changeAliases((aliases) => challenged(aliases, bundle.digest));
      return bundle;
    },
  };
}
