import { createHmac } from 'node:crypto';

/** Names a person within a tenant without saying who it is. */
export type PseudonymOf = (tenant: string, subject: string) => string;

const CHARACTERS = 16;

/** By HMAC, because anybody could hash the names of all colleagues. @param key for this alone */
export const pseudonyms =
  (key: Uint8Array): PseudonymOf =>
  (tenant, subject) =>
    `person_${createHmac('sha256', key)
      .update(JSON.stringify([tenant, subject]))
      .digest('hex')
      .slice(0, CHARACTERS)}`;
