import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './packageRoot.js';

/** What a process logs when it runs this. */
function logged(script: string): Record<string, never>[] {
  const module = new URL('dist/lib/log.js', packageRoot).href;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', `import { log } from '${module}';${script}`], {
    cwd: fileURLToPath(packageRoot),
    env: { PATH: process.env['PATH'] ?? '' },
    encoding: 'utf8',
  });
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, never>);
}

describe('a logged error', () => {
  it('tells its kind, message, place and cause', () => {
    const [line] = logged(`log.error({ error: new TypeError('no such thing', { cause: new RangeError('too far') }) }, 'it broke');`);
    expect(line).toMatchObject({
      level: 'error',
      msg: 'it broke',
      error: { type: 'TypeError', message: 'no such thing', cause: { type: 'RangeError', message: 'too far' } },
    });
    expect((line!['error'] as unknown as { frames: string[] }).frames.length).toBeGreaterThan(0);
  });

  it('holds nothing of the statement that failed: its values may be a customer’s words', () => {
    const [line] = logged(
      `log.error({ error: Object.assign(new Error('insert zanzi failed'), { name: 'DrizzleQueryError', query: 'insert', params: ['zanzi'] }) }, 'it broke');`,
    );
    expect(JSON.stringify(line)).not.toContain('zanzi');
  });

  it('withholds texts and tokens that are logged beside it', () => {
    const [line] = logged(`log.info({ text: 'zanzi', request: { text: 'zanzi', authorization: 'zanzi' } }, 'asked');`);
    expect(JSON.stringify(line)).not.toContain('zanzi');
    expect(line).toMatchObject({ text: '[withheld]' });
  });
});
