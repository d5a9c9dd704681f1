/** One value of a JSON text, not read yet. */
export interface JsonPiece {
  /** Line that it begins on, from 1. */
  readonly line: number;
  readonly text: string;
}

/** The elements of an array, a single value, or the values of lines (NDJSON). One that is broken costs the others nothing, as far as it ends. */
export function piecesOf(text: string): JsonPiece[] {
  if (text.trimStart().startsWith('[')) return between(text, endsIn(text));
  return isJson(text) ? between(text, [-1, text.length]) : between(text, [-1, ...[...text.matchAll(/\n|$/g)].map(({ index }) => index)]);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** A string, closed or not, or what holds an array together. */
const MARK = /"[^"\\]*(?:\\.[^"\\]*)*"?|[[\]{},]/gs;

/** Where the array begins, where each of its elements ends, and where the text does. */
function endsIn(text: string): number[] {
  const ends = [text.indexOf('[')];
  let depth = 0;
  for (const { 0: mark, index } of text.matchAll(MARK)) {
    if (mark === '[' || mark === '{') depth += 1;
    if (mark === ']' || mark === '}') depth -= 1;
    if (depth === 0 || (depth === 1 && mark === ',')) ends.push(index);
    if (depth === 0) break;
  }
  return [...ends, text.length];
}

/** What is between each end and the next one, without what is blank. */
function between(text: string, ends: readonly number[]): JsonPiece[] {
  let [line, counted] = [1, 0];
  return ends.slice(1).flatMap((end, i) => {
    const from = ends[i]! + 1;
    const piece = text.slice(from, end);
    const begins = from + piece.search(/\S|$/);
    line += text.slice(counted, begins).split('\n').length - 1;
    counted = begins;
    return piece.trim() === '' ? [] : [{ line, text: piece.trim() }];
  });
}
