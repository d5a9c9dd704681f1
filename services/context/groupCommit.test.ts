import { describe, expect, it } from 'vitest';
import { groupCommit, type Outcome } from './groupCommit.js';

interface Item {
  readonly key: string;
  readonly bad?: boolean;
}

/** A commit that notes its batches and can be held back. */
function recorder(
  fails: (items: readonly Item[]) => unknown = (items) => (items.some((i) => i.bad) ? new RangeError('bad row') : undefined),
) {
  const batches: string[][] = [];
  let open = Promise.resolve();
  const commit = async (items: readonly Item[]): Promise<Outcome<string>[]> => {
    batches.push(items.map((i) => i.key));
    await open;
    const error = fails(items);
    if (error) throw error;
    return items.map((i) => ({ ok: true, value: `stored ${i.key}` }));
  };
  const write = groupCommit<Item, string>({ commit, keysOf: (i) => [i.key], mayBeOnes: (e) => e instanceof RangeError, maxItems: 3 });
  const hold = (): (() => void) => {
    let release = (): void => {};
    open = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  };
  return { write, batches, hold };
}
const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

describe('a group commit', () => {
  it('writes what arrives while another write runs in one transaction, at most so many together', async () => {
    const { write, batches, hold } = recorder();
    const release = hold();
    const first = write({ key: 'a' });
    await until(() => batches.length === 1);
    const rest = ['b', 'c', 'd', 'e'].map((key) => write({ key }));
    release();
    expect(await Promise.all([first, ...rest])).toEqual(['stored a', 'stored b', 'stored c', 'stored d', 'stored e']);
    expect(batches).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  });

  it('answers nobody before the commit', async () => {
    const { write, batches, hold } = recorder();
    const release = hold();
    let answered = false;
    const answer = write({ key: 'a' }).then(() => {
      answered = true;
    });
    await until(() => batches.length === 1);
    expect(answered).toBe(false);
    release();
    await answer;
  });

  it('never puts two writes of one row into one statement, and keeps their order', async () => {
    const { write, batches } = recorder();
    await Promise.all([write({ key: 'a' }), write({ key: 'a' }), write({ key: 'b' }), write({ key: 'a' })]);
    expect(batches).toEqual([['a', 'b'], ['a'], ['a']]);
  });

  it('fails a bad row alone', async () => {
    const { write } = recorder();
    const results = await Promise.allSettled([write({ key: 'a' }), write({ key: 'b', bad: true }), write({ key: 'c' })]);
    expect(results.map((r) => r.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('fails all at once, without trying each, when the database is away; and goes on afterwards', async () => {
    let away = true;
    const { write, batches } = recorder(() => (away ? new Error('unreachable') : undefined));
    const results = await Promise.allSettled([write({ key: 'a' }), write({ key: 'b' })]);
    expect([results.map((r) => r.status), batches]).toEqual([['rejected', 'rejected'], [['a', 'b']]]);
    away = false;
    expect(await write({ key: 'c' })).toBe('stored c');
  });
});
