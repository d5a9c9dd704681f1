import { describe, expect, it } from 'vitest';
import { openCache } from './cache.js';

const MIB = 2 ** 20;
const open = (maxBytes = MIB) => openCache<{ value: number }>(maxBytes, () => 100);
const never = new AbortController().signal;
/** Work that ends when told to. */
function work() {
  const started: AbortSignal[] = [];
  let finish = (_: { value: number }): void => {};
  let break_ = (_: Error): void => {};
  const run = (signal: AbortSignal) => {
    started.push(signal);
    return new Promise<{ value: number }>((resolve, reject) => {
      finish = resolve;
      break_ = reject;
    });
  };
  return { run, started, finish: (value: number) => finish({ value }), break: (error: Error) => break_(error) };
}

describe('the same request', () => {
  it('is run once, however many ask at the same time, and not again afterwards', async () => {
    const cache = open();
    const { run, started, finish } = work();
    const answers = Promise.all(Array.from({ length: 50 }, () => cache.through('k', new AbortController().signal, run)));
    finish(7);
    expect(new Set((await answers).map((a) => a.value))).toEqual(new Set([7]));
    expect((await cache.through('k', never, run)).value).toBe(7);
    expect(started).toHaveLength(1);
  });

  it('is run anew each time when nothing may be kept, but still shared while it runs', async () => {
    const cache = open(0);
    const { run, started, finish } = work();
    const both = Promise.all([cache.through('k', never, run), cache.through('k', never, run)]);
    finish(1);
    await both;
    const third = cache.through('k', never, run);
    finish(2);
    expect([(await third).value, started.length]).toEqual([2, 2]);
  });

  it('is tried again after it failed', async () => {
    const cache = open();
    const { run, finish, break: fail } = work();
    const failing = cache.through('k', never, run);
    fail(new Error('broken'));
    await expect(failing).rejects.toThrow('broken');
    const second = cache.through('k', never, run);
    finish(3);
    expect((await second).value).toBe(3);
  });

  it('keeps running while anybody still waits, and stops when the last one leaves', async () => {
    const cache = open();
    const { run, started } = work();
    const [first, second] = [new AbortController(), new AbortController()];
    const answers = [cache.through('k', first.signal, run), cache.through('k', second.signal, run)].map((p) =>
      p.catch((e: Error) => e.name),
    );
    first.abort();
    expect(await answers[0]).toBe('AbortError');
    expect(started[0]!.aborted).toBe(false);
    second.abort();
    expect(await answers[1]).toBe('AbortError');
    expect(started[0]!.aborted).toBe(true);
  });

  it('that was given up is started anew for the next one who asks', async () => {
    const cache = open();
    const gone = new AbortController();
    const { run, started, finish } = work();
    const left = cache.through('k', gone.signal, run).catch(() => 'left');
    gone.abort();
    expect(await left).toBe('left');
    const next = cache.through('k', never, run);
    finish(4);
    expect([(await next).value, started.length]).toEqual([4, 2]);
  });
});

describe('kept answers', () => {
  it('never take more memory than allowed: the one not used for longest goes first', async () => {
    const cache = open(250);
    let runs = 0;
    const ask = (key: string) =>
      cache.through(key, never, async () => {
        runs += 1;
        return { value: runs };
      });
    for (const key of ['a', 'b', 'a', 'c', 'a']) await ask(key);
    expect(runs).toBe(3);
    await ask('b');
    expect(runs).toBe(4);
  });
});
