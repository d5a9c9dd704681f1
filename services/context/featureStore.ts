import { Counter } from 'prom-client';
import { registry } from '../../lib/metrics.js';
import { DEFINITION, type History } from './behaviour.js';
import type { VersionedEntries } from './versionedEntries.js';

/** What is kept of a customer beside the database. */
export interface Kept {
  /** Version of the customer's lines (`customer_versions`) that it was counted from: with another one it is good for nothing. */
  readonly version: number;
  /** When it was last counted from the database, milliseconds since 1970. */
  readonly countedAtMs: number;
  readonly history: History;
}

/** A change of a customer's lines that was committed. */
export interface Change {
  readonly customerId: string;
  /** Version before; null when there was none. */
  readonly from: number | null;
  readonly to: number;
  readonly apply: (history: History) => History;
}

/**
 * The counted history of customers, so that nobody counts thousands of lines for each message. Only a help: who reads compares its version
 * with the database's, and counts anew where they differ, or where nothing is kept.
 */
export interface FeatureStore {
  read(tenant: string, customerId: string): Promise<Kept | undefined>;
  /** Keeps what was counted, unless something newer is kept. */
  keep(tenant: string, customerId: string, kept: Kept): Promise<void>;
  /** Carries on what is kept, when it is of the version before. */
  follow(tenant: string, change: Change): Promise<void>;
  /** @returns how many entries were removed */
  forget(tenant: string, customerId: string): Promise<number>;
  close(): Promise<void>;
}

const lookups = new Counter({
  name: 'feature_store_lookups_total',
  help: 'Look-ups of customers’ features: hit, miss, or stale where what was kept was of another version than the database.',
  labelNames: ['result'],
  registers: [registry],
});
export const countLookup = (result: 'hit' | 'miss' | 'stale'): void => lookups.inc({ result });

/** For so long nothing is kept of an erased customer: longer than any call that read before the erasure. */
const FORGOTTEN_MS = 60_000;
const FORGOTTEN = { version: Number.MAX_SAFE_INTEGER, value: '' };

interface Parts {
  readonly entries: VersionedEntries;
  /** How long an entry lives after it was counted, however often it is carried on. Milliseconds. */
  readonly ttlMs: number;
  readonly now: () => Date;
  readonly definition?: number;
}

export function featureStore({ entries, ttlMs, now, definition = DEFINITION }: Parts): FeatureStore {
  // Both names may hold any character, so that lengths keep them apart.
  const keyOf = (tenant: string, customerId: string): string => `features:${definition}:${tenant.length}:${tenant}:${customerId}`;
  const read = async (tenant: string, customerId: string): Promise<Kept | undefined> => {
    const entry = await entries.get(keyOf(tenant, customerId));
    return entry && entry.value !== '' ? keptOf(entry.version, entry.value) : undefined;
  };
  const keep = async (tenant: string, customerId: string, { version, countedAtMs, history }: Kept): Promise<void> => {
    const leftMs = countedAtMs + ttlMs - now().getTime();
    if (leftMs > 0) await entries.put(keyOf(tenant, customerId), { version, value: JSON.stringify({ countedAtMs, history }) }, leftMs);
  };
  return {
    read,
    keep,
    follow: async (tenant, { customerId, from, to, apply }) => {
      const kept = from === null ? undefined : await read(tenant, customerId);
      if (kept?.version === from) await keep(tenant, customerId, { ...kept!, version: to, history: apply(kept!.history) });
    },
    forget: async (tenant, customerId) => {
      const removed = (await read(tenant, customerId)) === undefined ? 0 : 1;
      await entries.put(keyOf(tenant, customerId), FORGOTTEN, FORGOTTEN_MS);
      return removed;
    },
    close: entries.close,
  };
}

function keptOf(version: number, value: string): Kept | undefined {
  try {
    return { version, ...(JSON.parse(value) as Omit<Kept, 'version'>) };
  } catch {
    return undefined;
  }
}
