const STOP_WORDS = new Set(
  (
    'a an the and or but if then than so as at by for from in into of off on onto out over to up with within under about after before between during through until ' +
    'i me my we us our ours you your yours he him his she her hers it its they them their theirs this that these those there here who whom whose which what when where why how ' +
    'am is are was were be been being do does did done have has had having will would shall should can could may might must ' +
    'not no nor yes only also just too very more most much many some any each every all both either neither other another such own same ' +
    "i'm i've i'll i'd we're we've we'll we'd you're you've you'll you'd it's that's there's don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't cannot couldn't"
  ).split(' '),
);

/** Words of politeness and of conversation: they say nothing about the shop, so that no source needs to. Stems. */
const COURTEOUS_STEMS = new Set(
  (
    'thank sorry apologis apologiz apology regret hello hi dear welcome please help assist glad happ pleas delight hope wish nice good great day understand frustrat ' +
    'inconvenienc inconvenient concern disappoint annoy upset trouble worry worri patienc patient appreciate appreciat question message contact contacting write writ wrote written reach reply answer ' +
    'let know tell ask feel free further anything something else matter get touch bring attention time tak taken sincere deep truly real hear kind regard best care support team customer service ' +
    'information detail moment look forward need like sure course certain unfortunate sorri situation experience'
  ).split(' '),
);

/** A crude English stem, the same for both sides of a comparison: plural, -ing, -ed, -ly and a doubled consonant go. */
export function stem(word: string): string {
  let base = word
    .toLowerCase()
    .replace(/['’]s$/, '')
    .replace(/[-'’]/g, '');
  if (base.length > 3) base = base.replace(/(?<=[^s])s$/, '').replace(/ie$/, 'y');
  const cut = base.replace(/(?:ingly|edly|ing|ed|ly|ation|ment)$/, '');
  if (cut.length >= 3 && cut !== base) base = cut.replace(/([bdglmnprt])\1$/, '$1');
  return base.length > 3 ? base.replace(/[ey]$/, '') : base;
}

const wordsOf = (text: string): string[] => text.match(/\p{L}[\p{L}\p{M}'’]*(?:-\p{L}[\p{L}\p{M}]*)*/gu) ?? [];

/** Every word of a text as a stem, parts of hyphenated words too. */
export function allStems(text: string): Set<string> {
  const stems = new Set<string>();
  for (const word of wordsOf(text)) {
    stems.add(stem(word));
    for (const part of word.split('-')) stems.add(stem(part));
  }
  return stems;
}

/** The words that carry a statement, as stems. */
export function contentStems(text: string): Set<string> {
  const words = wordsOf(text).map((word) => word.toLowerCase().replace(/’/g, "'"));
  return new Set(words.filter((word) => !STOP_WORDS.has(word) && word.length > 1).map(stem));
}

export const isStopWord = (word: string): boolean => STOP_WORDS.has(word.toLowerCase().replace(/’/g, "'"));

const courteous = new Set([...COURTEOUS_STEMS].map(stem).concat([...COURTEOUS_STEMS]));
export const isCourteous = (stemmed: string): boolean => courteous.has(stemmed);

/** How many of `some` are in `others`. */
export function countShared(some: ReadonlySet<string>, others: ReadonlySet<string>): number {
  let shared = 0;
  for (const one of some) if (others.has(one)) shared += 1;
  return shared;
}
