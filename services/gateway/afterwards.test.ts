import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { afterwards } from './afterwards.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the end of the process', () => {
  it('waits for what still goes on, and for what that leaves to do', async () => {
    const after = afterwards();
    const done: string[] = [];
    let finish = (): void => {};
    after.add(
      new Promise<void>((resolve) => (finish = resolve)).finally(() => {
        done.push('work');
        after.add(Promise.resolve().then(() => done.push('what it left')));
      }),
    );
    const closed = after.close().then(() => done.push('closed'));
    finish();
    await closed;
    expect(done).toEqual(['work', 'what it left', 'closed']);
  });

  it('comes though work fails, and at once when there is none', async () => {
    const after = afterwards();
    after.add(Promise.reject(new Error('broken')));
    await after.close();
    await after.close();
  });

  it('cuts short what takes longer than it can wait', async () => {
    const after = afterwards();
    let cut = false;
    let finish = (): void => {};
    after.add(new Promise<void>((resolve) => (finish = resolve)), () => {
      cut = true;
      finish();
    });
    const closed = after.close();
    await vi.advanceTimersByTimeAsync(after.closeMs! - 1);
    expect(cut).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await closed;
    expect(cut).toBe(true);
  });
});
