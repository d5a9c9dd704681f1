import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Handler } from '../../lib/server.js';
import type { Bundle } from './bundle.js';

/** Tells which bundle is served. */
export const describeBundle =
  ({ manifest, digest, encoderDigest, defaultSpace }: Bundle): Handler<InferenceServiceDefinition, 'describeBundle'> =>
  async () => ({ manifest, digest, encoderDigest, defaultLabelSpace: defaultSpace.name });
