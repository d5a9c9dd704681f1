/** What a spreadsheet would take for a formula (OWASP, CSV injection), also behind the apostrophes that keep it from that. */
const FORMULA = /^'*[=+\-@\t\r]/;

/** A cell as RFC 4180 quotes it. */
const quoted = (cell: string): string => `"${cell.replaceAll('"', '""')}"`;

/** One line of a CSV file, exactly as the cells are: for programs. */
export const csvLine = (cells: readonly string[]): string => `${cells.map(quoted).join(',')}\r\n`;

/** One line that may also be opened by people: cells that a spreadsheet would run begin with an apostrophe. */
export const csvLineForPeople = (cells: readonly string[]): string =>
  csvLine(cells.map((cell) => (FORMULA.test(cell) ? `'${cell}` : cell)));
