import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Handler } from '../../lib/server.js';
import type { Challenger } from './challenger.js';

/** Tells which bundle may read messages beside the champion. */
export const describeChallenger =
  (challenger: Pick<Challenger, 'loaded' | 'percent'>): Handler<InferenceServiceDefinition, 'describeChallenger'> =>
  async () => ({ digest: challenger.loaded?.bundle.digest ?? '', percent: challenger.percent });
