import { Counter } from 'prom-client';
import { registry } from '../../lib/metrics.js';
import { DEFINITION, type History, noHistory } from './behaviour.js';
import type { Entry, Versioned, VersionedEntries } from './versionedEntries.js';

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
  /** Carries on what is kept of these customers, each once, where it is of the version before. */
  follow(tenant: string, changes: readonly Change[]): Promise<void>;
  /** Of an erased customer nothing is kept for a while, nor believed that is cached. @returns how many entries were removed */
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

/** Stands for an erased customer: newer than anything, so that nothing is kept, and neither what is kept nor what is cached is believed. */
const FORGOTTEN: Kept = { version: Number.MAX_SAFE_INTEGER, countedAtMs: 0, history: noHistory };
/** Longer than any call runs that read before the erasure. */
const LONGEST_CALL_MS = 60_000;

interface Parts {
  readonly entries: VersionedEntries;
  /** How long an entry lives after it was counted, however often it is carried on. Milliseconds. */
  readonly ttlMs: number;
  /** How long a customer's context is cached: what a slow call puts there after an erasure must be over first. Milliseconds. */
  readonly cacheTtlMs: number;
  readonly now: () => Date;
  readonly definition?: number;
}

export function featureStore({ entries, ttlMs, cacheTtlMs, now, definition = DEFINITION }: Parts): FeatureStore {
  // Both names may hold any character, so that lengths keep them apart.
  const keyOf = (tenant: string, customerId: string): string => `features:${definition}:${tenant.length}:${tenant}:${customerId}`;
  const read = async (tenant: string, customerIds: readonly string[]): Promise<(Kept | undefined)[]> => {
    const found = await entries.get(customerIds.map((id) => keyOf(tenant, id)));
    return found.map((entry) => entry && keptOf(entry));
  };
  const entryFor = (tenant: string, customerId: string, { version, ...rest }: Kept, leftMs: number): Entry => ({
    key: keyOf(tenant, customerId),
    version,
    value: JSON.stringify(rest),
    ttlMs: leftMs,
  });
  /** None once its time is over. */
  const entryOf = (tenant: string, customerId: string, kept: Kept): Entry[] => {
    const leftMs = kept.countedAtMs + ttlMs - now().getTime();
    return leftMs > 0 ? [entryFor(tenant, customerId, kept, leftMs)] : [];
  };
  return {
    read: async (tenant, customerId) => (await read(tenant, [customerId]))[0],
    keep: (tenant, customerId, kept) => entries.put(entryOf(tenant, customerId, kept)),
    follow: async (tenant, changes) => {
      const known = changes.filter(({ from }) => from !== null);
      const held = await read(
        tenant,
        known.map(({ customerId }) => customerId),
      );
      await entries.put(
        known.flatMap(({ customerId, from, to, apply }, i) => {
          const kept = held[i];
          return kept?.version === from ? entryOf(tenant, customerId, { ...kept!, version: to, history: apply(kept!.history) }) : [];
        }),
      );
    },
    forget: async (tenant, customerId) => {
      const [held = FORGOTTEN] = await read(tenant, [customerId]);
      await entries.put([entryFor(tenant, customerId, FORGOTTEN, LONGEST_CALL_MS + cacheTtlMs)]);
      return held.version === FORGOTTEN.version ? 0 : 1;
    },
    close: entries.close,
  };
}

function keptOf({ version, value }: Versioned): Kept | undefined {
  try {
    return { version, ...(JSON.parse(value) as Omit<Kept, 'version'>) };
  } catch {
    return undefined;
  }
}
