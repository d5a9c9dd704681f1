import type { CallContext } from 'nice-grpc';
import type { Logger } from './log.js';

/** On whose behalf a call is made. */
export interface Principal {
  readonly tenant: string;
  readonly subject: string;
  readonly scopes: ReadonlySet<string>;
}

/** What a call made on behalf of another inherits: who, how long, and until when anybody still waits for the answer. */
export interface Within {
  readonly principal: Principal;
  readonly deadline: Date;
  readonly signal: AbortSignal;
}

/** What a handler gets beside the request. `signal` is aborted when the caller leaves or the deadline passes: pass it on. */
export type Call = CallContext & Within & { readonly log: Logger };

const SIGNAL_GRACE_MS = 100;

/** The mesh's own work outside of any call, for example a relay. */
export function background(work: { tenant: string; timeoutMs: number; signal?: AbortSignal }): Within {
  // The deadline speaks first (DEADLINE_EXCEEDED); the signal is for work that knows no deadline.
  const timeout = AbortSignal.timeout(work.timeoutMs + SIGNAL_GRACE_MS);
  return {
    principal: { tenant: work.tenant, subject: 'replymesh', scopes: new Set() },
    deadline: new Date(Date.now() + work.timeoutMs),
    signal: work.signal ? AbortSignal.any([work.signal, timeout]) : timeout,
  };
}

/** Metadata that carries the principal from service to service. The gateway alone takes callers from outside, by token. */
export const TENANT_KEY = 'x-replymesh-tenant';
export const SUBJECT_KEY = 'x-replymesh-subject';

/** A name as metadata, which is ASCII: percent-encoded. Half of a surrogate pair, which no encoding has, becomes U+FFFD. */
export const encodeName = (name: string): string => encodeURIComponent(Buffer.from(name).toString());
export const decodeName = (metadata: string): string => decodeURIComponent(metadata);
