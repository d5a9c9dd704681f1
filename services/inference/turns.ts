/** Runs one piece of work after the other, in the order in which they came. One that fails holds up none. */
export interface Turns {
  /** @throws the signal's reason when it fires before the turn comes, and whatever `work` throws */
  take(work: () => Promise<void>, signal?: AbortSignal): Promise<void>;
  /** Resolves when all that was taken until now is done. */
  done(): Promise<void>;
}

export function openTurns(): Turns {
  let last: Promise<void> = Promise.resolve();
  return {
    take: (work, signal) => {
      const turn = last.then(() => {
        signal?.throwIfAborted();
        return work();
      });
      last = turn.catch(() => {});
      return turn;
    },
    done: () => last,
  };
}
