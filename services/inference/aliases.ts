/** What `aliases.json` of the models folder says: which bundles have a name of their own, by digest. */
export interface Aliases {
  /** Is to be served. */
  readonly champion: string;
  /** Was added last and may become champion. */
  readonly challenger?: string;
  /** Champions before this one, the latest last. */
  readonly history: readonly string[];
}

/** Champions that are remembered. */
export const MAX_HISTORY = 100;

/** With another champion. The one that leaves can be gone back to; promoting the champion itself changes nothing. */
export function promoted(aliases: Aliases, digest: string): Aliases {
  if (digest === aliases.champion) return aliases;
  const challenger = aliases.challenger === digest ? undefined : aliases.challenger;
  return { champion: digest, ...named(challenger), history: [...aliases.history, aliases.champion].slice(-MAX_HISTORY) };
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
  const { champion, challenger, history = [] } = read as Record<string, unknown>;
  if (!isDigest(champion)) return { problem: '"champion" is no digest' };
  if (!(challenger === undefined || isDigest(challenger))) return { problem: '"challenger" is no digest' };
  if (!Array.isArray(history) || !history.every(isDigest)) return { problem: '"history" is no list of digests' };
  return { aliases: { champion, ...named(challenger), history } };
}

const named = (challenger: string | undefined): Pick<Aliases, 'challenger'> => (challenger === undefined ? {} : { challenger });
