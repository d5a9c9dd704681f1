/** A full stop after one of these ends no sentence. Lower case, without the stop. */
const ABBREVIATIONS = new Set(
  'mr mrs ms dr prof st ave no nos nr inc ltd co corp vs etc e.g i.e a.m p.m approx ca incl excl min max tel ext fig art dept est u.s u.k'.split(
    ' ',
  ),
);

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/** Whether the boundary after `before` is none: an abbreviation, an initial or the number of a list item stands there. */
function continues(before: string): boolean {
  if (/\n\s*$/.test(before)) return false;
  const last = /(?:^|[\s("'[])(\S+)\.[)"'\]]*\s*$/u.exec(before)?.[1];
  if (last === undefined) return false;
  if (/^\p{Lu}$/u.test(last) && last !== 'I') return true;
  if (/^\d{1,2}$/.test(last) && /(?:^|\n)\s*\d{1,2}\.\s*$/.test(before)) return true;
  return ABBREVIATIONS.has(last.toLowerCase());
}

/**
 * Cuts a text into sentences, each with the white space after it. Line ends cut too; decimals, e-mail addresses, URLs and
 * abbreviations do not.
 * @returns pieces whose concatenation is the text itself; none for the empty text.
 * Source: Unicode UAX #29 by `Intl.Segmenter`, boundaries after abbreviations undone.
 */
export function splitSentences(text: string): string[] {
  const pieces: string[] = [];
  for (const { segment } of segmenter.segment(text)) {
    const previous = pieces.at(-1);
    if (previous !== undefined && (segment.trim() === '' || previous.trim() === '' || continues(previous))) {
      pieces[pieces.length - 1] = previous + segment;
    } else {
      pieces.push(segment);
    }
  }
  return pieces;
}

/**
 * Takes the finished sentences off the front of a text that is still growing.
 * What is taken is what `splitSentences` gives for the whole text, however the text arrives: a boundary counts only when enough
 * follows to decide it (UAX #29 looks ahead to the next letter, sentence end or line end).
 * @returns `sentences` in order and the `rest`, to which the next part is to be appended.
 */
export function takeSentences(buffer: string): { sentences: string[]; rest: string } {
  const pieces = splitSentences(buffer);
  let rest = pieces.pop() ?? '';
  while (pieces.length > 0 && !/[\p{L}]/u.test(rest)) rest = (pieces.pop() ?? '') + rest;
  return { sentences: pieces, rest };
}
