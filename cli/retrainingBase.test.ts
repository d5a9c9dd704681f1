import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordOf } from '../lib/retrainingFolder.js';
import { CommandFailed } from './failure.js';
import { retrainingBase } from './retrainingBase.js';

const [SERVED, RETRAINED, OTHER] = ['a'.repeat(64), 'b'.repeat(64), 'c'.repeat(64)];

describe('a space is trained anew upon', () => {
  let path: string;
  beforeAll(async () => {
    path = await mkdtemp(join(tmpdir(), 'replymesh-base-'));
    await mkdir(join(path, 'retraining'));
    await writeFile(recordOf(path, RETRAINED), JSON.stringify({ labelSpace: 'support', servedBundleDigest: SERVED }));
  });
  afterAll(() => rm(path, { recursive: true, force: true }));
  const base = async (challenger: string | undefined, { served = SERVED, afresh = false, gone = '' } = {}) => {
    const registry = {
      aliases: async () => ({ champion: served, history: [], ...(challenger ? { challenger } : {}) }),
      folderOf: async (digest: string) => (digest === gone ? undefined : `bundles/${digest}`),
    };
    const { digest, folder } = await retrainingBase({ path, registry }, served, afresh);
    expect(folder).toBe(`bundles/${digest}`);
    return digest;
  };

  it('the bundle that is served', async () => expect(await base(undefined)).toBe(SERVED));

  it('the challenger that another retraining made of it, whose space would be lost else', async () =>
    expect(await base(RETRAINED)).toBe(RETRAINED));

  it('no challenger of another origin, of another champion, or that is gone', async () => {
    expect(await base(OTHER)).toBe(SERVED);
    expect(await base(RETRAINED, { served: OTHER })).toBe(OTHER);
    expect(await base(RETRAINED, { gone: RETRAINED })).toBe(SERVED);
  });

  it('no challenger when that is asked for', async () => expect(await base(RETRAINED, { afresh: true })).toBe(SERVED));

  it('nothing where the models folder is not that of the mesh', async () =>
    expect(base(undefined, { gone: SERVED })).rejects.toThrow(CommandFailed));
});
