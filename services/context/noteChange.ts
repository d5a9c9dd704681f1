import type { Cache } from './cache.js';
import { contextKey } from './contextKey.js';
import type { Change, FeatureStore } from './featureStore.js';

/** Tells what is kept beside the database of a change of one customer, after its commit and before its caller is answered. */
export async function noteChange(
  { cache, features }: { readonly cache: Cache; readonly features: FeatureStore },
  tenant: string,
  change: Change,
): Promise<void> {
  // What was carried on first makes what is cached known to be old.
  await features.follow(tenant, [change]);
  await cache.forget([contextKey(tenant, change.customerId)]);
}
