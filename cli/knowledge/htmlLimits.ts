import { Parser } from 'htmlparser2';
import { lineAt } from './decode.js';
import type { Problem } from './draft.js';

/** What costs more than its bytes to lay out as text. No page that people read comes near; one that was made to stop its reader does. */
const MAX_NESTED = 1000;
const MAX_ELEMENTS = 20_000;
/** Cells of a table that one cell may stand for. */
const MAX_SPAN = 1000;

/** Where a page goes beyond what can be read in good time, and what to do about it. Reads no further than that. */
export function beyondLimits(html: string): Problem | undefined {
  let problem: Problem | undefined;
  let [nested, elements] = [0, 0];
  const refuse = (reason: string): void => {
    problem ??= { line: lineAt(html, parser.startIndex), problem: `${reason}. Import the text of it, as Markdown.` };
    parser.pause();
  };
  const parser = new Parser({
    onopentag: (_, { rowspan = '1', colspan = '1' }) => {
      nested += 1;
      elements += 1;
      if (nested > MAX_NESTED) refuse(`the page has more than ${MAX_NESTED} elements inside of each other`);
      else if (elements > MAX_ELEMENTS) refuse(`the page has more than ${MAX_ELEMENTS} elements`);
      else if (Number.parseInt(rowspan, 10) * Number.parseInt(colspan, 10) > MAX_SPAN)
        refuse(`a cell of a table stands for more than ${MAX_SPAN}`);
    },
    onclosetag: () => {
      nested -= 1;
    },
  });
  parser.write(html);
  return problem;
}
