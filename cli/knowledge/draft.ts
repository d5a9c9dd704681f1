import leven from 'leven';

/** What a source may say about an article, by the name that it says it with. */
export interface Fields {
  readonly id?: string;
  readonly title?: string;
  readonly language?: string;
  readonly audience?: string;
  readonly intents?: readonly string[];
  readonly stale_at?: string;
}
export type Field = keyof Fields;

/** One article as its source says it, nothing checked yet. */
export interface Draft {
  /** Line of its file that it begins on, from 1. */
  readonly line: number;
  readonly fields: Fields;
  /** Lines of the fields that have one of their own. */
  readonly lines: Readonly<Partial<Record<Field, number>>>;
  /** Markdown. */
  readonly body: string;
  /** What tells it from the others of its file; empty where it is the whole file. */
  readonly name: string;
}

/** Why something of a file is not imported, and what to do about it. */
export interface Problem {
  readonly line: number;
  readonly problem: string;
}

/** A problem with the file, as the operator would open it. */
export interface Refusal extends Problem {
  readonly file: string;
}

/** What one file holds. */
export interface Parsed {
  readonly drafts: readonly Draft[];
  readonly problems: readonly Problem[];
  /** Keys that mean nothing here: a typing error in one would go unseen. */
  readonly unknownKeys: readonly string[];
}

export const refused = (line: number, problem: string): Parsed => ({ drafts: [], problems: [{ line, problem }], unknownKeys: [] });

const FIELDS: Record<Field, true> = { id: true, title: true, language: true, audience: true, intents: true, stale_at: true };
export const isField = (key: string): key is Field => Object.hasOwn(FIELDS, key);

const SLIPS = 2;

/** What to do about a key that is "audience" but for some letters: taken for nothing, it would show customers what is for agents. */
export function audienceProblem(key: string): string | undefined {
  if (key === 'audience' || leven(key.toLowerCase(), 'audience', { maxDistance: SLIPS + 1 }) > SLIPS) return undefined;
  return `"${key}" looks like audience, which says who may read this. Correct it, or call it something else: until then nothing of this file is imported.`;
}

/** Intents of one text, with commas or semicolons between them. */
export const intentsIn = (text: string): string[] =>
  text
    .split(/[,;]/)
    .map((intent) => intent.trim())
    .filter((intent) => intent !== '');
