import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StartError } from '../../lib/errors.js';
import { openTestStore, storeKinds } from './context.fixture.js';
import { checkMasterKey, masterKey, readMasterKey } from './masterKey.js';
import type { Store } from './store.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'master-key-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (content: string): string => {
  const path = join(folder, randomBytes(4).toString('hex'));
  writeFileSync(path, content);
  return path;
};

describe('the file of the content key', () => {
  it('holds 32 bytes in base64, as openssl writes them', () => {
    const bytes = randomBytes(32);
    expect(readMasterKey(file(`${bytes.toString('base64')}\n`))).toEqual(masterKey(bytes));
  });

  it.each([
    ['is not there', () => join(folder, 'nothing'), /cannot be read \(ENOENT\).*REPLYMESH_CONTENT_KEY_FILE/],
    ['is empty', () => file(''), /is not 32 bytes in base64.*openssl rand -base64 32/],
    ['is too short', () => file(randomBytes(16).toString('base64')), /is not 32 bytes/],
    ['is another form of key', () => file(randomBytes(32).toString('hex')), /is not 32 bytes/],
  ])('that %s stops the start with what to do', (_, path, message) => {
    expect(() => readMasterKey(path())).toThrow(StartError);
    expect(() => readMasterKey(path())).toThrow(message);
  });
});

describe.each(storeKinds)('a database on %s', (kind) => {
  let store: Store;
  beforeAll(async () => {
    store = await openTestStore(kind);
  });
  afterAll(() => store.close());

  it('takes the key that it was made with, and refuses every other', async () => {
    const [own, other] = [masterKey(randomBytes(32)), masterKey(randomBytes(32))];
    await Promise.all([1, 2, 3].map(() => checkMasterKey(store, own, 'own.key')));
    await checkMasterKey(store, own, 'own.key');
    await expect(checkMasterKey(store, other, 'other.key')).rejects.toThrow(StartError);
    await expect(checkMasterKey(store, other, 'other.key')).rejects.toThrow(/other\.key is not the one.*REPLYMESH_CONTENT_KEY_FILE/);
  });
});
