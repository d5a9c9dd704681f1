import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openContentKey } from './contentKey.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'content-key-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('the content key is made once, of 32 bytes, and is its owner’s to read alone', async () => {
  const files = await Promise.all([openContentKey(folder), openContentKey(folder)]);
  expect(new Set(files).size).toBe(1);
  const key = await readFile(files[0]!, 'utf8');
  expect(Buffer.from(key, 'base64')).toHaveLength(32);
  expect((await stat(files[0]!)).mode & 0o777).toBe(0o600);
  expect(await openContentKey(folder)).toBe(files[0]);
  expect(await readFile(files[0]!, 'utf8')).toBe(key);
  expect(await readdir(join(folder, 'keys'))).toEqual(['content.key']);
});
