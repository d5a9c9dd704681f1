import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inParallel } from './inParallel.js';

async function collect<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const answer of answers) all.push(answer);
  return all;
}
async function* counting(to: number, read: (n: number) => void = () => {}): AsyncGenerator<number> {
  for (let n = 0; n < to; n += 1) {
    read(n);
    yield n;
  }
}

describe('many requests at a time', () => {
  it('are answered one by one to a caller who sends the next only after the answer', async () => {
    let next = (_: number): void => {};
    async function* interactive(): AsyncGenerator<number> {
      for (let n = 0; n < 3; n += 1) {
        yield n;
        if (n < 2) await new Promise<void>((resolve) => (next = () => resolve()));
      }
    }
    const seen: number[] = [];
    for await (const answer of inParallel(interactive(), 16, async (n) => n * 10)) {
      seen.push(answer);
      next(answer);
    }
    expect(seen).toEqual([0, 10, 20]);
  });

  it('are never more than there are places, and none is lost', async () => {
    let running = 0;
    let most = 0;
    const answers = await collect(
      inParallel(counting(50), 4, async (n) => {
        running += 1;
        most = Math.max(most, running);
        for (let turns = 0; turns <= n % 7; turns += 1) await nextTurn();
        running -= 1;
        return n;
      }),
    );
    expect(answers.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(most).toBe(4);
  });

  it('are read only when a place is free', async () => {
    const read: number[] = [];
    const finish: (() => void)[] = [];
    const answers = inParallel(
      counting(5, (n) => read.push(n)),
      2,
      (n) => new Promise<number>((resolve) => finish.push(() => resolve(n))),
    );
    const first = answers.next();
    await expect.poll(() => finish.length).toBe(2);
    expect(read).toEqual([0, 1]);
    finish[0]!();
    expect((await first).value).toBe(0);
    finish[1]!();
    await answers.return(undefined);
  });

  it('do not wait for the slowest', async () => {
    const never = inParallel(counting(3), 3, (n) => (n === 0 ? new Promise<number>(() => {}) : Promise.resolve(n)));
    expect([(await never.next()).value, (await never.next()).value]).toEqual([1, 2]);
  });

  it('end with the error of their stream', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      throw new Error('cut');
    }
    await expect(collect(inParallel(failing(), 2, () => new Promise<number>(() => {})))).rejects.toThrow('cut');
  });
});
