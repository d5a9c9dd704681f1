type Read<Q> = { readonly next: IteratorResult<Q> };
type Done<A> = { readonly answer: A; readonly work: Promise<Done<A>> };

/**
 * Gives each answer as soon as it is there, in whatever order, and reads the next request only when a place is free.
 * It waits for both at once: whoever sends a request only after an answer gets that answer first.
 */
export async function* inParallel<Q, A>(requests: AsyncIterable<Q>, places: number, answer: (request: Q) => Promise<A>): AsyncGenerator<A> {
  const incoming = requests[Symbol.asyncIterator]();
  const running = new Set<Promise<Done<A>>>();
  let reading: Promise<Read<Q>> | undefined;
  let ended = false;
  try {
    for (;;) {
      if (!ended && running.size < places) reading ??= incoming.next().then((next) => ({ next }));
      if (!reading && running.size === 0) return;
      const happened = await Promise.race([...running, ...(reading ? [reading] : [])]);
      if ('answer' in happened) {
        running.delete(happened.work);
        yield happened.answer;
        continue;
      }
      reading = undefined;
      if (happened.next.done) ended = true;
      else {
        const work: Promise<Done<A>> = answer(happened.next.value).then((done) => ({ answer: done, work }));
        running.add(work);
      }
    }
  } finally {
    // Not awaited: it waits for a request that may never come.
    incoming.return?.().catch(() => {});
  }
}
