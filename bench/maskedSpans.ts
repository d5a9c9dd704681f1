/** A part of a text and what kind of personal data it is. */
export interface Span {
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** Spans of one kind. */
export interface Counted {
  true: number;
  /** True ones of which every letter and digit is masked, as whatever kind. */
  masked: number;
  found: number;
  /** Found ones that touch a true one, of whatever kind. */
  right: number;
}

/** Adds one text to what was counted of each of `kinds`. */
export function count(
  counted: Map<string, Counted>,
  text: string,
  trueSpans: readonly Span[],
  found: readonly Span[],
  kinds: readonly string[],
): void {
  for (const kind of new Set(kinds)) {
    const own = counted.get(kind) ?? { true: 0, masked: 0, found: 0, right: 0 };
    counted.set(kind, own);
    for (const span of trueSpans.filter((one) => one.kind === kind)) {
      own.true += 1;
      if (isMasked(text, span, found)) own.masked += 1;
    }
    for (const span of found.filter((one) => one.kind === kind)) {
      own.found += 1;
      if (trueSpans.some((one) => one.start < span.end && span.start < one.end)) own.right += 1;
    }
  }
}

function isMasked(text: string, { start, end }: Span, found: readonly Span[]): boolean {
  const over = found.filter((one) => one.start < end && start < one.end);
  for (let at = start; at < end; at += 1) {
    if (/[\p{L}\p{N}]/u.test(text[at]!) && !over.some((one) => one.start <= at && at < one.end)) return false;
  }
  return true;
}

/** Recall, precision and F2, which weighs recall twice (van Rijsbergen 1979). */
export function scores({ true: all, masked, found, right }: Counted): { recall: number; precision: number; f2: number } {
  const recall = all === 0 ? 1 : masked / all;
  const precision = found === 0 ? 1 : right / found;
  const weighed = 4 * precision + recall;
  return { recall, precision, f2: weighed === 0 ? 0 : (5 * precision * recall) / weighed };
}
