/** A text and what it is about. */
export interface Labelled {
  readonly text: string;
  readonly label: string;
}

/** Two texts of a label are what training needs at least. */
const LEAST_TEXTS = 2;
/** Labels that a message names. */
const SHOWN = 10;

/** One spelling for texts that are the same but for case and spaces. */
const keyOf = (text: string): string => text.normalize('NFC').trim().replaceAll(/\s+/g, ' ').toLowerCase();

/**
 * The rows to train on: the operator's own, with what people said of messages since. Where both have a text, people's word stands.
 * @returns also how many rows of the operator's gave way to another label
 */
export function mergedRows<R extends Labelled>(own: readonly Labelled[], people: readonly R[]): { rows: Labelled[]; overruled: number } {
  const said = new Map(people.map((row) => [keyOf(row.text), row.label]));
  const kept = own.filter((row) => !said.has(keyOf(row.text)));
  const overruled = own.filter((row) => (said.get(keyOf(row.text)) ?? row.label) !== row.label).length;
  return { rows: [...kept, ...people], overruled };
}

/** Labels of a space that a training on these rows would lose, with the texts that there are of each; undefined when it would lose none. */
export function lostLabels(labels: readonly string[], rows: readonly Labelled[]): string | undefined {
  const texts = new Map<string, Set<string>>(labels.map((label) => [label, new Set()]));
  for (const { text, label } of rows) texts.get(label)?.add(keyOf(text));
  const few = [...texts].filter(([, own]) => own.size < LEAST_TEXTS);
  if (few.length === 0) return undefined;
  const shown = few.slice(0, SHOWN).map(([label, own]) => `${label} (${own.size})`);
  return `${few.length} of ${labels.length}: ${shown.join(', ')}${few.length > SHOWN ? ', …' : ''}`;
}
