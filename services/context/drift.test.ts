import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BundleManifest, type LabelSpace, type SpaceReference } from '../../gen/replymesh/type/v1/bundle.js';
import { DriftMeasureKind } from '../../gen/replymesh/v1/model_monitoring_service.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { TEXT_FEATURES, textFeatures, wordsOf } from '../../lib/textFeatures.js';
import { type DriftRow, driftOf, FALSE_ALARMS } from './drift.js';
import { binned, confidenceDistance, thousandths } from './driftMeasures.js';

const read = (path: string) => JSON.parse(readFileSync(new URL(path, packageRoot), 'utf8'));

interface Golden {
  readonly labels: string[];
  readonly rows: { text: string; first: number; confidence: number; outOfScope: boolean }[];
  readonly reference: Record<string, unknown>;
}

describe('a reference', () => {
  const golden = read('training/data/reference-golden.json') as Golden;
  const space = {
    ...{ name: 'golden', labels: golden.labels, reference: golden.reference },
  };
  const reference = BundleManifest.fromJSON({ spaces: [space] }).spaces[0]!.reference!;
  const rows = golden.rows.map(({ text, first, ...row }): DriftRow => {
    const bytes = Buffer.from(text);
    const values = textFeatures(bytes, wordsOf(bytes));
    return { ...row, intent: golden.labels[first]!, features: Object.fromEntries(TEXT_FEATURES.map((name, i) => [name, values[i]!])) };
  });

  it('is read here as Python wrote it: the same rows fall into the same bins', () => {
    expect(reference.textFeatures.map((f) => f.feature)).toEqual([...TEXT_FEATURES]);
    for (const histogram of reference.textFeatures) {
      const values = rows.map((row) => row.features[histogram.feature]!);
      expect([histogram.feature, binned(histogram, values)]).toEqual([histogram.feature, histogram.counts]);
    }
    expect(reference.intentCounts).toEqual(golden.labels.map((label) => rows.filter((row) => row.intent === label).length));
    expect(reference.outOfScope).toBe(rows.filter((row) => row.outOfScope).length);
    const confidences = rows.map((row) => row.confidence);
    expect(confidenceDistance(reference.confidenceQuantiles, reference.rows, confidences, 0.01).value).toBe(0);
  });

  it('is not far from its own rows', () => {
    const drift = driftOf({ labels: golden.labels }, reference, rows);
    expect([drift.score, drift.drifted]).toEqual([expect.closeTo(0, 6), false]);
  });
});

/** 0 to 1, the same in every run (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
/** A place drawn by its share of the counts. */
function drawn(counts: readonly number[], random: () => number): number {
  let left = random() * counts.reduce((sum, count) => sum + count, 0);
  return Math.max(
    0,
    counts.findIndex((count) => (left -= count) < 0),
  );
}

const manifest = BundleManifest.fromJSON(read('models/default/manifest.json'));
const known = (name: string): LabelSpace & { reference: SpaceReference } => manifest.spaces.find((space) => space.name === name) as never;

/** Traffic like that of the shipped bundle's reference, but for what `change` makes of it. */
function traffic(
  space: LabelSpace & { reference: SpaceReference },
  count: number,
  seed: number,
  change: (row: DriftRow, random: () => number) => DriftRow = (row) => row,
): DriftRow[] {
  const random = chance(seed);
  const { reference, labels } = space;
  return Array.from({ length: count }, () => {
    const features = reference.textFeatures.map(({ feature, edges, counts }) => [feature, [-1, ...edges][drawn(counts, random)]!] as const);
    const row = {
      features: Object.fromEntries(features),
      intent: labels[drawn(reference.intentCounts, random)]!,
      confidence: reference.confidenceQuantiles[Math.ceil(random() * 100)]!,
      outOfScope: random() < reference.outOfScope / reference.rows,
    };
    return change(row, random);
  });
}
/** What Python would write of rows, in the bins of the shipped reference. */
function referenceOf(space: LabelSpace & { reference: SpaceReference }, rows: readonly DriftRow[]): SpaceReference {
  const sorted = rows.map((row) => thousandths(row.confidence)).sort((a, b) => a - b);
  return {
    rows: rows.length,
    textFeatures: space.reference.textFeatures.map((histogram) => ({
      ...histogram,
      counts: binned(
        histogram,
        rows.map((row) => row.features[histogram.feature]!),
      ),
    })),
    intentCounts: space.labels.map((label) => rows.filter((row) => row.intent === label).length),
    confidenceQuantiles: Array.from({ length: 101 }, (_, i) => sorted[Math.max(0, Math.ceil((i / 100) * rows.length) - 1)]!),
    outOfScope: rows.filter((row) => row.outOfScope).length,
  };
}

describe.each(['support', 'banking', 'assistant'])('messages in the space %s', (name) => {
  const space = known(name);

  it('that come from where the held-out rows came from give an alarm as seldom as is promised', () => {
    // Both are samples: a reference has chances of its own.
    const alarms = Array.from({ length: 15 }, (_, i) => {
      const reference = referenceOf(space, traffic(space, space.reference.rows, 100_000 + i));
      return [500, 500, 500, 500, 200, 200, 200, 200].map(
        (count, j) => driftOf(space, reference, traffic(space, count, 100 * i + j)).drifted,
      );
    }).flat();
    // Of 120 windows about one is promised; five would be by chance in one of 100 runs, and this run is always the same.
    expect(alarms.filter(Boolean).length).toBeLessThan(5);
    expect(FALSE_ALARMS).toBe(0.01);
  });

  it('that ask another thing, are read less surely, are more often out of scope or are longer give one, which names what it is', () => {
    const found = (change: (row: DriftRow, random: () => number) => DriftRow) => {
      const drifts = Array.from({ length: 10 }, (_, i) => driftOf(space, space.reference, traffic(space, 500, i, change)));
      expect(drifts.every(({ drifted }) => drifted)).toBe(true);
      return new Set(drifts.map(({ measures: [worst] }) => `${DriftMeasureKind[worst!.kind]} ${worst!.feature}`.trim()));
    };
    const half = (random: () => number): boolean => random() < 0.5;
    const [label] = space.labels;
    expect(found((row, random) => (half(random) ? { ...row, intent: label! } : row))).toEqual(new Set(['INTENT_DISTANCE']));
    expect(found((row, random) => (half(random) ? { ...row, confidence: 0.3 * random() } : row))).toEqual(new Set(['CONFIDENCE_DISTANCE']));
    expect(found((row, random) => (half(random) ? { ...row, outOfScope: true } : row))).toEqual(new Set(['OUT_OF_SCOPE_DIFFERENCE']));
    expect(found((row) => ({ ...row, features: { ...row.features, length: 0.9 } }))).toEqual(new Set(['POPULATION_STABILITY length']));
  });
});
