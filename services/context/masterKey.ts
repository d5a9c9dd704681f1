import { createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { StartError } from '../../lib/errors.js';
import { rowsOf, type Store } from './store.js';

/** What is made of the operator's key: one key for each purpose, so that none says anything about another. */
export interface MasterKey {
  /** Wraps the customers' keys. */
  readonly wrapping: Uint8Array;
  /** Vouches for the end of the audit logs. */
  readonly audit: Uint8Array;
  /** Makes names of people that say nothing. */
  readonly pseudonyms: Uint8Array;
  /** Tells it from other keys. */
  readonly fingerprint: string;
}

const KEY_BYTES = 32;
const HOW =
  'Make one with "openssl rand -base64 32", and keep it as long as the database: without it nothing that customers wrote can be read.';

/** Reads the key that all others are wrapped with. @throws StartError when the file holds none */
export function readMasterKey(file: string): MasterKey {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw new StartError(
      `The content key ${file} cannot be read (${(error as NodeJS.ErrnoException).code}). Set REPLYMESH_CONTENT_KEY_FILE to a file that can. ${HOW}`,
    );
  }
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text)
    throw new StartError(`The content key ${file} is not ${KEY_BYTES} bytes in base64. ${HOW}`);
  return masterKey(bytes);
}

export function masterKey(bytes: Uint8Array): MasterKey {
  const derived = (purpose: string): Buffer => Buffer.from(hkdfSync('sha256', bytes, '', `replymesh ${purpose}`, KEY_BYTES));
  return {
    wrapping: derived('content keys'),
    audit: derived('audit log'),
    pseudonyms: derived('pseudonyms'),
    fingerprint: createHmac('sha256', derived('fingerprint')).update('replymesh').digest('hex'),
  };
}

/** Notes the key in a new database, and holds it against what an old one notes. @throws StartError when the database was encrypted with another one */
export async function checkMasterKey(store: Store, { fingerprint }: MasterKey, file: string): Promise<void> {
  const [noted] = await store.background(async (tx) => {
    await tx.execute(
      sql`insert into master_key_check (fingerprint, created_at) values (${fingerprint}, now()) on conflict (id) do nothing`,
    );
    return rowsOf<{ fingerprint: string }>(tx, sql`select fingerprint from master_key_check`);
  });
  if (noted?.fingerprint !== fingerprint)
    throw new StartError(
      `The content key ${file} is not the one that this database was encrypted with. Set REPLYMESH_CONTENT_KEY_FILE to the file with that one, or restore it from a backup.`,
    );
}
