import type { Task } from './batch.js';

/** What decides who runs with whom. */
export interface Waiting {
  readonly task: Pick<Task, 'space' | 'votes' | 'background'>;
  /** Tokens a row, padding counted in. */
  readonly width: number;
  /** Ran once and took its thread or its batch down: it runs alone now, so that it can harm nobody else. */
  readonly alone: boolean;
}

/** Most tokens in one batch, padding counted in: a batch of long texts must not hold up the short ones behind it. */
const MAX_BATCH_TOKENS = 1024;
/** The same for texts in the background: whoever comes while one runs waits for less than a tenth of a second. */
const MAX_BACKGROUND_TOKENS = 256;
/** Rows at which a batch has earned its fixed cost. Measured: a text takes 1.7 times as long alone as in a batch of 4, which is as good as 16. */
const ENOUGH_ROWS = 4;
/** Most padding that a row takes to join a batch of wider ones. */
const MOST_EXTRA_PADDING = 8;

/**
 * The first entry and those of its kind and width behind it, as many as fit into a batch; where these are few, somewhat narrower ones, padded.
 * @param withBackground whether entries in the background may run now
 * @returns entries of `queue`, none when none may run
 */
export function nextBatch<E extends Waiting>(queue: readonly E[], maxBatch: number, withBackground: boolean): E[] {
  const first = queue.find((entry) => withBackground || !entry.task.background);
  if (!first) return [];
  const tokens = first.task.background ? MAX_BACKGROUND_TOKENS : MAX_BATCH_TOKENS;
  const room = first.alone ? 1 : Math.max(1, Math.min(maxBatch, Math.floor(tokens / first.width)));
  const kin = queue.filter((entry) => entry !== first && !entry.alone && isKin(entry.task, first.task));
  const same = kin.filter((entry) => entry.width === first.width);
  const narrower = kin.filter((entry) => entry.width < first.width && entry.width >= first.width - MOST_EXTRA_PADDING);
  const fillers = narrower.slice(0, Math.max(0, ENOUGH_ROWS - 1 - same.length));
  return [first, ...same, ...fillers].slice(0, room);
}

const isKin = (one: Waiting['task'], other: Waiting['task']): boolean =>
  one.space === other.space && one.votes === other.votes && one.background === other.background;
