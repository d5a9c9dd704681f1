import { Counter, Gauge, Histogram } from 'prom-client';
import { registry } from '../../lib/metrics.js';

/** `model` of the pooled answer, beside the members' own names. */
export const POOL = 'pool';

export const predictions = new Counter({
  name: 'model_predictions_total',
  help: 'Texts judged, by model (a member, or the pool of all) and its first choice.',
  labelNames: ['model', 'intent'],
  registers: [registry],
});

export const confidenceScore = new Histogram({
  name: 'model_confidence_score',
  help: 'Probability of the first choice, by model.',
  labelNames: ['model'],
  buckets: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1],
  registers: [registry],
});

export const queueDepth = new Gauge({
  name: 'inference_queue_depth',
  help: 'Texts that wait for a thread.',
  registers: [registry],
});

export const workersAlive = new Gauge({
  name: 'inference_workers_alive',
  help: 'Threads that can run the models.',
  registers: [registry],
});

export const batchSizes = new Histogram({
  name: 'inference_batch_size',
  help: 'Texts in one batch.',
  buckets: [1, 2, 4, 8, 16, 32],
  registers: [registry],
});

export const batchWaitMs = new Histogram({
  name: 'inference_queue_wait_milliseconds',
  help: 'Time that a text waited for a thread.',
  buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000],
  registers: [registry],
});

export const cacheLookups = new Counter({
  name: 'inference_cache_lookups_total',
  help: 'Lookups of an answer: "hit", "shared" (the same request was running), or "miss".',
  labelNames: ['result'],
  registers: [registry],
});

export const bundleSwaps = new Counter({
  name: 'inference_bundle_swaps_total',
  help: 'Times that another bundle took the place of the one served.',
  registers: [registry],
});

export const bundleRefusals = new Counter({
  name: 'inference_bundle_refusals_total',
  help: 'Bundles that were to be served and could not be opened; the one before went on.',
  registers: [registry],
});
