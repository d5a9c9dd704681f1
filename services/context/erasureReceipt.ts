import type { ErasedStore } from '../../gen/replymesh/v1/customer_service.js';

/** Rows that an erasure took from each table; of `outbox`, events that it took the customer's id out of. */
export const ERASED_TABLES = [
  'customer_keys',
  'customers',
  'queries',
  'customer_history',
  'customer_versions',
  'feedback',
  'labels',
  'reviews',
  'shadow_predictions',
  'request_reservations',
  'outbox',
] as const;
export type Erased = Readonly<Record<(typeof ERASED_TABLES)[number] | 'cache' | 'features', number>>;

const REMAINS: Readonly<Record<string, string>> = {
  customer_keys:
    'Other instances may have it in memory for a minute. A backup from before holds it, wrapped: erase again after restoring one, and delete old ones.',
  outbox:
    'The events stay, without the id: numbers and labels. What was relayed before stays with its receivers, numbers and labels under the id: delete it there by that id.',
  cache:
    'Without Redis, other instances have the context of a customer until REPLYMESH_CONTEXT_CACHE_TTL_MS is over; so has a Redis that did not answer, encrypted.',
  features:
    'Without Redis, other instances have counts and times of messages until REPLYMESH_FEATURES_TTL_MS is over; so has a Redis that did not answer. Nobody reads them any more.',
  audit_log:
    'Ids of messages, hashes, numbers and labels, and with the id of the customer that exports, erasures and changes of the profile were done: the log is to prove them. What it holds encrypted nobody can read any more.',
  analytics: 'Counts, of no one customer.',
  inference:
    'In memory, without customer, until newer ones take their place: what the models made of a text, by a hash, and single words of texts with the pieces that they are cut into.',
  training:
    'Files of "export-training" and "customer export" are yours to delete. Rows of a retraining go when it ends; what it learned of them stays in its weights: train anew where that matters.',
};

/** What the receipt says of each place. No message is in a search index (`knowledge`), so that there is nothing to remove. */
export const receiptOf = (erased: Erased): ErasedStore[] => [
  ...[...ERASED_TABLES, 'cache' as const, 'features' as const].map((store) => ({
    store,
    removed: erased[store],
    remains: REMAINS[store] ?? '',
  })),
  ...['audit_log', 'analytics', 'knowledge', 'inference', 'training'].map((store) => ({
    store,
    removed: 0,
    remains: REMAINS[store] ?? '',
  })),
];
