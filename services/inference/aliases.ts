/** What `aliases.json` of the models folder says: which bundles have a name of their own, by digest. */
export interface Aliases {
  /** Is to be served. */
  readonly champion: string;
  /** Was added last and may become champion. */
  readonly challenger?: string;
  /** Champions before this one, the latest last. */
  readonly history: readonly string[];
  /** How it came to be the champion, the latest last; absent before the first change. */
  readonly changes?: readonly Change[];
}

/** One change of the champion. */
export interface Change {
  readonly id: string;
  readonly kind: 'promoted' | 'rolled back';
  readonly digest: string;
  readonly previous: string;
  /** Who made it, and when: RFC 3339. */
  readonly tenant: string;
  readonly actor: string;
  readonly at: string;
}
/** Who changes it, when, and what the change is called. */
export type ChangedBy = Pick<Change, 'id' | 'tenant' | 'actor' | 'at'>;

/** Changes that are remembered: others read them within seconds. */
export const MAX_CHANGES = 100;

/** The same names with the change written down; one that changed nothing is none. */
export function noted(next: Aliases, before: Aliases, kind: Change['kind'], by: ChangedBy): Aliases {
  if (next.champion === before.champion) return next;
  const change: Change = { ...by, kind, digest: next.champion, previous: before.champion };
  return { ...next, changes: [...(before.changes ?? []), change].slice(-MAX_CHANGES) };
}

/** Champions that are remembered. */
export const MAX_HISTORY = 100;

/** With another champion. The one that leaves can be gone back to; promoting the champion itself changes nothing. */
export function promoted(aliases: Aliases, digest: string): Aliases {
  if (digest === aliases.champion) return aliases;
  const challenger = aliases.challenger === digest ? undefined : aliases.challenger;
  return { ...kept(aliases), champion: digest, ...named(challenger), history: [...aliases.history, aliases.champion].slice(-MAX_HISTORY) };
}

/** With the champion before this one; undefined when there was none. */
export function rolledBack(aliases: Aliases): Aliases | undefined {
  const champion = aliases.history.at(-1);
  return champion === undefined ? undefined : { ...aliases, champion, history: aliases.history.slice(0, -1) };
}

/** With another challenger, unless that is the champion already. */
export const challenged = (aliases: Aliases, digest: string): Aliases =>
  digest === aliases.champion ? aliases : { ...aliases, challenger: digest };

/** Names of a bundle. */
export const aliasesOf = ({ champion, challenger }: Aliases, digest: string): string[] => [
  ...(digest === champion ? ['champion'] : []),
  ...(digest === challenger ? ['challenger'] : []),
];

const DIGEST = /^[0-9a-f]{64}$/;
const isDigest = (value: unknown): value is string => typeof value === 'string' && DIGEST.test(value);

/** Reads the file's text. The problem finishes the sentence "aliases.json is damaged: …". */
export function parseAliases(text: string): { readonly aliases: Aliases } | { readonly problem: string } {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return { problem: 'it is not JSON' };
  }
  if (typeof read !== 'object' || read === null) return { problem: 'it is no object that names a "champion"' };
  const { champion, challenger, history = [], changes } = read as Record<string, unknown>;
  if (!isDigest(champion)) return { problem: '"champion" is no digest' };
  if (!(challenger === undefined || isDigest(challenger))) return { problem: '"challenger" is no digest' };
  if (!Array.isArray(history) || !history.every(isDigest)) return { problem: '"history" is no list of digests' };
  if (!(changes === undefined || (Array.isArray(changes) && changes.every(isChange))))
    return { problem: '"changes" is no list of changes' };
  return { aliases: { champion, ...named(challenger), history, ...(changes ? { changes } : {}) } };
}

const CHANGE_FIELDS = ['id', 'kind', 'digest', 'previous', 'tenant', 'actor', 'at'] as const;
const isChange = (value: unknown): value is Change =>
  typeof value === 'object' &&
  value !== null &&
  CHANGE_FIELDS.every((field) => typeof (value as Record<string, unknown>)[field] === 'string');

const kept = ({ changes }: Aliases): Pick<Aliases, 'changes'> => (changes ? { changes } : {});
const named = (challenger: string | undefined): Pick<Aliases, 'challenger'> => (challenger === undefined ? {} : { challenger });
