import { join } from 'node:path';
import type { Environment } from '../lib/config.js';
import { type Finding, ill, well } from './finding.js';
import { openModelsFolder } from './modelsFolder.js';
import { root } from './settings.js';

/** Whether the policy can be read, and speaks of intents that a bundle of this machine has: the rule of a misspelt one holds for nothing. */
export async function checkPolicy(env: Environment): Promise<Finding> {
  const file = env['REPLYMESH_POLICY_FILE'] || join(root, 'services', 'gateway', 'policy.json');
  try {
    const { loadPolicy } = await import('../services/gateway/policy.js');
    const { version, intents } = loadPolicy(file);
    const known = await labelsHere(env);
    const strange = Object.keys(intents).filter((intent) => known && !known.has(intent));
    if (strange.length === 0) return well('policy', `${version}, ${Object.keys(intents).length} intents with a mode of their own`);
    const cure = 'Correct them, or take them away: messages are decided by the default mode.';
    return ill('policy', `${file} has modes for intents that no bundle here knows: ${strange.join(', ')}`, cure);
  } catch (error) {
    return ill('policy', (error as Error).message, 'Correct it, or set REPLYMESH_POLICY_FILE to another one.');
  }
}

/** Labels of all bundles; undefined where a bundle cannot be read, which another check tells. */
async function labelsHere(env: Environment): Promise<ReadonlySet<string> | undefined> {
  try {
    const { registry } = await openModelsFolder(env);
    const read = await Promise.all((await registry.digests()).map((digest) => registry.manifestOf(digest)));
    return new Set(read.flatMap(({ manifest }) => manifest.spaces.flatMap((space) => space.labels)));
  } catch {
    return undefined;
  }
}
