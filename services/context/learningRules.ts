import type { ConfigOf } from '../../lib/config.js';
import type { ContextConfig } from './config.js';

/** What the operator says of how the models learn. */
export const learningRules = (config: ConfigOf<typeof ContextConfig>) => ({
  reviewSample: config.reviewSample,
  driftRule: { leastRows: config.driftLeastRows, consecutiveWindows: config.retrainWindows, leastLabels: config.retrainLeastLabels },
});
