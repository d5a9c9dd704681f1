import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { figuresOf } from '../cli/evaluate.js';
import { type InferenceClient, predictAll } from '../cli/predictAll.js';
import type { Row } from '../cli/rows.js';
import type { Masked } from '../services/gateway/mask.js';
import { atLeast, type Figure, seen } from './figure.js';
import { maskAll } from './maskAll.js';
import { type Counted, count, type Span, scores } from './maskedSpans.js';

/** Kinds of masks by the types of the annotated sentences: those told by their form, and those that the models tell. */
const BY_FORM = { EMAIL_ADDRESS: 'EMAIL', PHONE_NUMBER: 'PHONE', CREDIT_CARD: 'CARD', IBAN_CODE: 'IBAN', US_SSN: 'SSN' } as const;
const BY_NAME = { PERSON: 'NAME', GPE: 'PLACE', STREET_ADDRESS: 'PLACE', ZIP_CODE: 'PLACE', ORGANIZATION: 'ORGANIZATION' } as const;

interface Sentence {
  readonly text: string;
  readonly spans: readonly { readonly type: string; readonly start: number; readonly end: number }[];
}
interface TestSet {
  readonly space: string;
  readonly rows: readonly Row[];
  /** Accuracy of the rows as they are. */
  readonly accuracy: number;
}

/** How much of the personal data in annotated sentences is masked, as the gateway does it, and what masking costs in accuracy. */
export async function personalDataFigures(
  client: InferenceClient,
  data: string,
  sets: readonly TestSet[],
  signal: AbortSignal,
): Promise<Figure[]> {
  const sentences = await readSentences(join(data, 'pii-synthetic', 'sentences.jsonl'));
  const masked = await maskAll(
    client,
    sentences.map(({ text }) => text),
    signal,
  );
  const byForm = new Map<string, Counted>();
  const byName = new Map<string, Counted>();
  sentences.forEach((sentence, i) => {
    const true_ = trueSpans(sentence);
    const found = spansOf(masked[i]!);
    count(byForm, sentence.text, true_, found, Object.values(BY_FORM));
    if (isHeldOut(sentence)) count(byName, sentence.text, true_, found, Object.values(BY_NAME));
  });
  return [
    ...[...byForm].flatMap(([kind, counted]) => figures(kind, counted, 0.98, 0.95)),
    ...[...byName].flatMap(([kind, counted]) => figures(`${kind} (templates held out)`, counted, kind === 'NAME' ? 0.9 : undefined)),
    ...(await costs(client, sets, signal)),
  ];
}

function figures(kind: string, counted: Counted, recall: number | undefined, precision?: number): Figure[] {
  const found = scores(counted);
  return [
    recall === undefined ? seen(`${kind}: recall`, found.recall) : atLeast(`${kind}: recall`, recall, found.recall),
    precision === undefined ? seen('  precision', found.precision) : atLeast('  precision', precision, found.precision),
    seen('  F2', found.f2, `${counted.true} true`),
  ];
}

/** Accuracy on test rows that are masked before they are judged, beside that of the rows as they are. */
const costs = async (client: InferenceClient, sets: readonly TestSet[], signal: AbortSignal): Promise<Figure[]> => {
  const found: Figure[] = [];
  for (const { space, rows, accuracy } of sets) {
    const texts = await maskAll(
      client,
      rows.map(({ text }) => text),
      signal,
    );
    const masked = rows.map((row, i) => ({ ...row, text: texts[i]!.text }));
    const { answers, seconds } = await predictAll(client, space, masked, signal);
    const changed = masked.filter(({ text }, i) => text !== rows[i]!.text).length;
    found.push(seen(`${space}: accuracy of masked rows`, figuresOf(masked, answers, seconds).accuracy ?? undefined, accuracy.toFixed(4)));
    found.push(seen('  share of rows with a mask', changed / rows.length));
  }
  return found;
};

async function readSentences(file: string): Promise<Sentence[]> {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
  return lines
    .map((line) => JSON.parse(line) as Sentence)
    .map((sentence) => inCodeUnits(sentence))
    .filter(({ text }) => text === text.normalize('NFC').trim());
}

/** The file counts code points. */
function inCodeUnits({ text, spans }: Sentence): Sentence {
  const units = [0];
  for (const char of text) units.push(units.at(-1)! + char.length);
  return { text, spans: spans.map((span) => ({ ...span, start: units[span.start]!, end: units[span.end]! })) };
}

/** Half of the templates, as training holds them out (`held_out` in `names.py`). */
function isHeldOut({ text, spans }: Sentence): boolean {
  let template = '';
  let at = 0;
  for (const { type, start, end } of [...spans].sort((one, other) => one.start - other.start)) {
    template += `${text.slice(at, start)}<${type}>`;
    at = end;
  }
  return (
    createHash('sha256')
      .update((template + text.slice(at)).toLowerCase())
      .digest()[0]! %
      2 ===
    1
  );
}

const KINDS: Readonly<Record<string, string>> = { ...BY_FORM, ...BY_NAME };
const trueSpans = ({ spans }: Sentence): Span[] => spans.map(({ type, start, end }) => ({ kind: KINDS[type] ?? type, start, end }));

/** Where the masks of a text stand in the text that they were made of. */
function spansOf({ text, originals }: Masked): Span[] {
  const spans: Span[] = [];
  let at = 0;
  let before = 0;
  for (const { 0: placeholder, index } of text.matchAll(/\{\{([A-Z]+)_\d+\}\}/g)) {
    const original = originals.get(placeholder);
    if (original === undefined) continue;
    at += index - before;
    spans.push({ kind: placeholder.slice(2, placeholder.lastIndexOf('_')), start: at, end: at + original.length });
    at += original.length;
    before = index + placeholder.length;
  }
  return spans;
}
