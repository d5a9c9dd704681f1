import { abortable } from 'abort-controller-x';
import type { ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import type { Handler } from '../../lib/server.js';
import type { Champion } from './champion.js';
import { describeModels } from './describeModels.js';
import type { Registry } from './registry.js';

/** Goes back to the champion before. */
export const rollBackBundle =
  ({ champion, registry }: { champion: Champion; registry: Registry }): Handler<ModelServiceDefinition, 'rollBackBundle'> =>
  async (_, call) => {
    await abortable(call.signal, champion.rollBack(call));
    const { digest } = champion.serving.bundle;
    return { bundle: await describeModels(registry, await champion.aliases(), digest, digest) };
  };
