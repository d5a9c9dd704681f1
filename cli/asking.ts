import type { Decision } from '../gen/replymesh/type/v1/decision.js';
import type { ProcessQueryRequest } from '../gen/replymesh/v1/query_service.js';

/** One message on its way to a mesh. */
export interface Question {
  readonly request: ProcessQueryRequest;
  readonly token: string;
  /** Whether sentences are wanted as they are written. */
  readonly streaming: boolean;
  readonly signal: AbortSignal;
}

/** Sentences of the reply while they come (none unless streaming), at the end the decision. */
export type Asking = AsyncGenerator<string, Decision>;

export const CUT = 'The answer was cut before its end. Ask again; with --request-id the first answer comes back.';

/** Nobody answers at the address. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
  constructor(
    readonly address: string,
    options: ErrorOptions,
  ) {
    super(`Nothing answers at ${address}.`, options);
  }
}
