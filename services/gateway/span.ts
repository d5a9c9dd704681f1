/** Where something stands in a text: from `start` up to, not with, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where the whole of a match stands. */
export const spanOf = ({ 0: { length }, index }: RegExpExecArray): Span => ({ start: index, end: index + length });

/** Where the first group of a match stands, with which the match ends. */
export const spanOfGroup = ({ 0: { length }, 1: group = '', index }: RegExpExecArray): Span => ({
  start: index + length - group.length,
  end: index + length,
});
