import { createHash } from 'node:crypto';
import slugify from '@sindresorhus/slugify';

const [MIN_LENGTH, MAX_LENGTH] = [3, 63];
const HASH_LENGTH = 8;

/** The id of an article by where it stands: always the same, in the form that the contract asks for, other for another place. */
export function articleIdOf(place: string): string {
  const slug = slugOf(place);
  if (slug.length >= MIN_LENGTH && slug.length <= MAX_LENGTH && !losesLetters(place)) return slug;
  const hash = createHash('sha256').update(place).digest('hex').slice(0, HASH_LENGTH);
  const head = slug.slice(0, MAX_LENGTH - HASH_LENGTH - 1).replace(/-+$/, '');
  return head === '' ? hash : `${head}-${hash}`;
}

const slugOf = (text: string): string => slugify(text, { decamelize: false });

/** Scripts that have no transliteration here would leave many places with one slug. */
const losesLetters = (place: string): boolean => [...new Set(place)].some((char) => /\p{L}/u.test(char) && slugOf(char) === '');
