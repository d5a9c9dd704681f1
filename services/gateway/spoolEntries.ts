import type { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';

/** A record that waits on disk until context takes it. */
export interface Spooled {
  readonly tenant: string;
  readonly request: RecordDecisionRequest;
}

/** The records that wait, in the order they came, found by name and by the caller's request id. */
export interface SpoolEntries {
  size(): number;
  set(name: string, entry: Spooled): void;
  get(name: string): Spooled | undefined;
  byRequestId(tenant: string, requestId: string): Spooled | undefined;
  /** Names of a tenant's that are such. */
  ofTenant(tenant: string, isSuch: (request: RecordDecisionRequest) => boolean): string[];
  delete(name: string): void;
  /** Those whose turn it is, deferred ones last. */
  due(nowMs: number): [string, Spooled][];
  /** Lets a record wait twice as long as the time before. */
  defer(name: string, nowMs: number): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

interface Waiting {
  readonly entry: Spooled;
  waitMs: number;
  fromMs: number;
}

export function spoolEntries(): SpoolEntries {
  const byName = new Map<string, Waiting>();
  const nameByRequestId = new Map<string, string>();
  const requestKey = ({ tenant, request }: Spooled): string => `${tenant} ${request.query?.requestId ?? ''}`;
  return {
    size: () => byName.size,
    set: (name, entry) => {
      byName.set(name, { entry, waitMs: FIRST_WAIT_MS, fromMs: 0 });
      if (entry.request.query?.requestId) nameByRequestId.set(requestKey(entry), name);
    },
    get: (name) => byName.get(name)?.entry,
    byRequestId: (tenant, requestId) => byName.get(nameByRequestId.get(`${tenant} ${requestId}`) ?? '')?.entry,
    ofTenant: (tenant, isSuch) =>
      [...byName].filter(([, { entry }]) => entry.tenant === tenant && isSuch(entry.request)).map(([name]) => name),
    delete: (name) => {
      const gone = byName.get(name);
      byName.delete(name);
      if (gone && nameByRequestId.get(requestKey(gone.entry)) === name) nameByRequestId.delete(requestKey(gone.entry));
    },
    due: (nowMs) =>
      [...byName]
        .filter(([, { fromMs }]) => fromMs <= nowMs)
        .sort(([, a], [, b]) => a.fromMs - b.fromMs)
        .map(([name, { entry }]) => [name, entry]),
    defer: (name, nowMs) => {
      const waiting = byName.get(name);
      if (!waiting) return;
      waiting.fromMs = nowMs + waiting.waitMs;
      waiting.waitMs = Math.min(LONGEST_WAIT_MS, waiting.waitMs * 2);
    },
  };
}
