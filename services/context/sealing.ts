import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
/** First byte of what is sealed: says how the rest is to be read. */
const FORM = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Where a sealed value stands. One that was moved to another tenant, column or row does not open there. */
export interface Place {
  readonly tenant: string;
  /** With its table, for example `queries.record`. */
  readonly column: string;
  /** Of the row. */
  readonly id: string;
}

const placeBytes = ({ tenant, column, id }: Place): Buffer => Buffer.from(JSON.stringify([tenant, column, id]));

/**
 * Encrypts a value (AES-256-GCM, NIST SP 800-38D). Nonces are random: one key is good for 2^32 values.
 * @param key 32 bytes
 */
export function seal(key: Uint8Array, place: Place, value: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(placeBytes(place));
  return Buffer.concat([Buffer.of(FORM), nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
}

/** @throws Error when the value was not sealed with this key for this place, or was changed since */
export function open(key: Uint8Array, place: Place, sealed: Uint8Array): Buffer {
  if (sealed[0] !== FORM || sealed.length < 1 + NONCE_BYTES + TAG_BYTES)
    throw new Error(`${place.column} is not encrypted as it should be.`);
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(placeBytes(place));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}
