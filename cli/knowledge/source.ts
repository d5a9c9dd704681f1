import type { Place } from './checkDraft.js';
import type { Parsed, Refusal } from './draft.js';

/** A file or page that may hold articles. */
export interface Entry extends Place {
  /** As the operator would open it. */
  readonly file: string;
  readonly read: (signal: AbortSignal) => Promise<Parsed>;
}

/** All that one command imports. */
export interface Source {
  /** What the sources of its articles begin with, or the one source of all of them. */
  readonly prefix: string;
  /** Whether it is one file or page. */
  readonly isOne: boolean;
  readonly entries: readonly Entry[];
  /** Why not all entries are known. */
  readonly refusals: readonly Refusal[];
  /** How many files of other kinds there are. */
  readonly others: number;
}
