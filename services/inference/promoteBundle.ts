import { abortable } from 'abort-controller-x';
import type { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import type { Handler } from '../../lib/server.js';
import type { Champion } from './champion.js';
import { describeModels } from './describeModels.js';
import type { Registry } from './registry.js';

/** Makes a bundle the champion and says so when it is served. */
export const promoteBundle =
  ({ champion, registry }: { champion: Champion; registry: Registry }): Handler<ModelServiceDefinition, 'promoteBundle'> =>
  async ({ digest }, call) => {
    await abortable(call.signal, champion.promote(digest, call));
    return { bundle: await describeModels(registry, await champion.aliases(), champion.serving.bundle.digest, digest) };
  };
