import { BundleManifest } from '../../gen/replymesh/type/v1/bundle.js';

/** Digest of the bundle in the records that `aQuery` makes. */
export const DIGEST = 'b'.repeat(64);
export const LABELS = ['get_refund', 'track_refund'];

/** Half of the messages about each label, all of the same length, nearly all of them sure and in scope. */
export const MANIFEST = BundleManifest.fromPartial({
  name: 'tiny',
  version: '1.0.0',
  createTime: new Date('2026-11-01T00:00:00Z'),
  spaces: [
    {
      name: 'support',
      labels: LABELS,
      reference: {
        rows: 1000,
        textFeatures: [{ feature: 'words', edges: [0.08], counts: [990, 10] }],
        intentCounts: [500, 500],
        confidenceQuantiles: Array.from({ length: 101 }, () => 0.9),
        outOfScope: 10,
      },
    },
    { name: 'unmeasured', labels: LABELS },
  ],
});
