/** Answer of one item of a batch. */
export type Outcome<R> = { readonly ok: true; readonly value: R } | { readonly ok: false; readonly error: unknown };

export interface GroupCommitOptions<T, R> {
  /** Writes several items in one transaction. What it throws is the failure of all. */
  readonly commit: (items: readonly T[]) => Promise<readonly Outcome<R>[]>;
  /** Items that share a key never go into one batch: a statement may touch each row once. */
  readonly keysOf: (item: T) => readonly string[];
  /** Whether a failure may be one item's alone, so that each is worth its own try. */
  readonly mayBeOnes: (error: unknown) => boolean;
  readonly maxItems: number;
}

/**
 * Writes what arrives while another write runs in one transaction: no waiting when there is little to do, few commits when there is much.
 * Each caller is answered after its commit; one bad item does not fail its neighbours.
 */
export function groupCommit<T, R>(options: GroupCommitOptions<T, R>): (item: T) => Promise<R> {
  type Waiting = { item: T; resolve: (value: R) => void; reject: (error: unknown) => void };
  let waiting: Waiting[] = [];
  let running = false;

  const settle = async (batch: readonly Waiting[]): Promise<void> => {
    try {
      const outcomes = await options.commit(batch.map((w) => w.item));
      batch.forEach((w, i) => {
        const outcome = outcomes[i];
        if (outcome?.ok) w.resolve(outcome.value);
        else w.reject(outcome?.error ?? new Error('The commit gave no outcome for this item.'));
      });
    } catch (error) {
      if (batch.length === 1 || !options.mayBeOnes(error)) {
        for (const w of batch) w.reject(error);
        return;
      }
      for (const w of batch) await settle([w]);
    }
  };

  const takeBatch = (): Waiting[] => {
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const keys = new Set<string>();
    for (const w of waiting) {
      const own = options.keysOf(w.item);
      if (taken.length < options.maxItems && !own.some((key) => keys.has(key))) {
        taken.push(w);
      } else left.push(w);
      // Also for what is left: a later item must not overtake an earlier one with its key.
      for (const key of own) keys.add(key);
    }
    waiting = left;
    return taken;
  };

  const run = async (): Promise<void> => {
    running = true;
    // One turn of the loop, so that calls that arrived together go together.
    await new Promise((resolve) => setImmediate(resolve));
    while (waiting.length > 0) await settle(takeBatch());
    running = false;
  };

  return (item) =>
    new Promise<R>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!running) void run();
    });
}
