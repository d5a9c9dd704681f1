/** One figure: what was asked of it, what it is, and whether that is enough. */
export interface Figure {
  readonly what: string;
  /** Empty when the figure is there to be seen alone. */
  readonly asked: string;
  /** Null when it was not measured this time. */
  readonly reached: number | null;
  /** Null when nothing is asked or nothing was measured. */
  readonly enough: boolean | null;
  /** The flag that measures it; absent where it was measured. */
  readonly flag?: string;
}

const figure = (what: string, asked: string, reached: number | undefined, enough: (reached: number) => boolean): Figure => ({
  what,
  asked,
  reached: reached ?? null,
  enough: reached === undefined ? null : enough(reached),
});

/** Limits may be figures of the manifest, with all their places. */
const limit = (value: number): string => String(Number(value.toPrecision(4)));

export const atLeast = (what: string, least: number, reached: number | undefined): Figure =>
  figure(what, `≥ ${limit(least)}`, reached, (value) => value >= least);

export const atMost = (what: string, most: number, reached: number | undefined): Figure =>
  figure(what, `≤ ${limit(most)}`, reached, (value) => value <= most);

export const between = (what: string, least: number, most: number, reached: number): Figure =>
  figure(what, `${least} – ${most}`, reached, (value) => value >= least && value <= most);

/** A figure that nothing is asked of. @param compare what to see it beside */
export const seen = (what: string, reached: number | undefined, compare = ''): Figure => ({
  what,
  asked: compare,
  reached: reached ?? null,
  enough: null,
});

/** Figures that a flag measures: those that are missing name it. */
export const behind = (flag: string, figures: readonly Figure[]): Figure[] =>
  figures.map((one) => (one.reached === null ? { ...one, flag } : one));

/** The figures for people. @param title of the first column */
export function table(figures: readonly Figure[], title: string): string {
  const width = Math.max(title.length, ...figures.map(({ what }) => what.length));
  const row = (what: string, asked: string, reached: string, enough: string): string =>
    `${`${what.padEnd(width)}  ${asked.padStart(12)}  ${reached.padStart(8)}  ${enough}`.trimEnd()}\n`;
  return row(title, 'asked', 'reached', '') + figures.map((f) => row(f.what, f.asked, shown(f), verdict(f))).join('');
}

const verdict = ({ enough, flag }: Figure): string => (flag ? `not measured: add ${flag}` : enough === null ? '' : enough ? 'yes' : 'no');

function shown({ reached }: Figure): string {
  if (reached === null) return '–';
  if (reached !== 0 && Math.abs(reached) < 0.0005) return reached.toExponential(1);
  return reached.toFixed(reached > 10 ? 0 : 4);
}
