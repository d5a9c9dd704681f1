import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { packageRoot } from '../lib/packageRoot.js';
import { type Supervised, supervise } from './supervised.js';

const BUSY = 'setInterval(() => {}, 1000); console.log("here")';
const program = (script: string) => ({
  name: 'busy',
  command: process.execPath,
  args: ['-e', script],
  env: {},
  isReady: async () => true,
});
const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

let supervised: Supervised | undefined;
afterEach(() => supervised?.stop());

describe('a program that dies', () => {
  it('is started again, and one line says what died, of what, and what runs in its place', async () => {
    const restarts: string[] = [];
    supervised = await supervise(
      program(BUSY),
      () => {},
      (line) => restarts.push(line),
    );
    const first = supervised.pid();
    supervised.kill('SIGKILL');
    await vi.waitFor(() => expect(restarts).toHaveLength(1), { timeout: 20_000 });
    expect(supervised.pid()).not.toBe(first);
    expect(restarts[0]).toBe(`busy (process ${first}) was killed by SIGKILL. It was started again as process ${supervised.pid()}.`);
    await supervised.stop();
    expect(restarts).toHaveLength(1);
  });

  it.each([
    ['process.exit(3)', 'ended with exit code 3'],
    ['console.error("PORT is missing."); process.exit(78)', 'refused its configuration (PORT is missing.)'],
  ])('with %s is told as such', async (script, told) => {
    const restarts: string[] = [];
    supervised = await supervise(
      program(script),
      () => {},
      (line) => restarts.push(line),
    );
    await vi.waitFor(() => expect(restarts[0]).toContain(told), { timeout: 20_000 });
  });
});

it('no program outlives a supervisor that was killed', async () => {
  const script = `import { supervise } from '${new URL('dist/mesh/supervised.js', packageRoot).href}';
    const one = { name: 'busy', command: process.execPath, args: ['-e', ${JSON.stringify(BUSY)}], env: {}, isReady: async () => true };
    console.log((await supervise(one, () => {})).pid());`;
  const supervisor = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid] = (await once(supervisor.stdout.setEncoding('utf8'), 'data')) as [string];
  expect(lives(Number(pid))).toBe(true);
  supervisor.kill('SIGKILL');
  await vi.waitFor(() => expect(lives(Number(pid))).toBe(false), { timeout: 20_000 });
});
