import { describe, expect, it } from 'vitest';
import type { LoadedBundle } from './loadBundle.js';
import { serveBundle } from './serving.js';

/** A bundle as far as serving looks at it. */
function bundle(digest: string) {
  const state = { closed: false, alive: 1, tell: (_: number): void => {} };
  const workers = {
    get alive() {
      return state.alive;
    },
    onAlive: (listener: (alive: number) => void) => {
      state.tell = listener;
    },
    close: async () => {
      state.closed = true;
    },
  };
  const die = (): void => {
    state.alive = 0;
    state.tell(0);
  };
  return { state, die, loaded: { bundle: { digest, manifest: { name: 'n', version: '1.0.0' } }, workers } as unknown as LoadedBundle };
}
const digestOf = (loaded: LoadedBundle) => async (gate: Promise<void>) => {
  await gate;
  return loaded.bundle.digest;
};
function gate(): { shut: Promise<void>; open(): void } {
  let open = (): void => {};
  return { shut: new Promise((resolve) => (open = resolve)), open: () => open() };
}

describe('a served bundle', () => {
  it('keeps the calls that it has, and its threads until the last of them, when another takes its place', async () => {
    const [old, next] = [bundle('old'), bundle('next')];
    const serving = serveBundle(old.loaded);
    const call = serving.by(digestOf);
    const [first, second] = [gate(), gate()];
    const answers = [call(first.shut, undefined), call(second.shut, undefined)];
    serving.swap(next.loaded);
    expect(await call(Promise.resolve(), undefined)).toBe('next');
    first.open();
    expect([await answers[0], old.state.closed]).toEqual(['old', false]);
    second.open();
    expect([await answers[1], old.state.closed, next.state.closed]).toEqual(['old', true, false]);
  });

  it('ends its threads also after a call that failed', async () => {
    const [old, next] = [bundle('old'), bundle('next')];
    const serving = serveBundle(old.loaded);
    const { shut, open } = gate();
    const failing = serving.by(() => async () => {
      await shut;
      throw new Error('failed');
    })(undefined, undefined);
    serving.swap(next.loaded);
    open();
    await expect(failing).rejects.toThrow('failed');
    expect(old.state.closed).toBe(true);
  });

  it('is told by its own threads alone whether it lives', () => {
    const [old, next] = [bundle('old'), bundle('next')];
    const serving = serveBundle(old.loaded);
    const heard: number[] = [];
    serving.onAlive((alive) => heard.push(alive));
    serving.swap(next.loaded);
    old.die();
    expect([serving.alive, heard.includes(0)]).toEqual([1, false]);
    next.die();
    expect([serving.alive, heard.at(-1)]).toEqual([0, 0]);
  });

  it('leaves no thread behind at the end, also of one that comes too late', async () => {
    const [old, next, late] = [bundle('old'), bundle('next'), bundle('late')];
    const serving = serveBundle(old.loaded);
    void serving.by(digestOf)(gate().shut, undefined);
    serving.swap(next.loaded);
    await serving.close();
    serving.swap(late.loaded);
    expect([old, next, late].map(({ state }) => state.closed)).toEqual([true, true, true]);
  });
});
