import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Draw } from '../gen/replymesh/v1/review_service.js';
import type { TrainingRow } from '../gen/replymesh/v1/training_service.js';
import { csvLineForPeople } from './csvLine.js';
import type { Asked, Labelled } from './trainingRows.js';

export const TRAIN = 'train.csv';
export const CALIBRATION = 'calibration.csv';
export const PROVENANCE = 'provenance.json';

const COLUMNS = [
  'text',
  'label',
  'query_id',
  'label_id',
  'source',
  'drawn',
  'labelled_by',
  'label_time',
  'predicted_label',
  'bundle_digest',
];

const cellsOf = (row: TrainingRow): string[] => [
  ...[row.text, row.label, row.queryId, row.labelId, row.source, row.draw === Draw.RANDOM ? 'random' : 'chosen'],
  ...[row.labelledBy, row.labelTime?.toISOString() ?? '', row.predictedLabel, row.bundleDigest],
];

const csvOf = (rows: readonly TrainingRow[]): string => [COLUMNS, ...rows.map(cellsOf)].map(csvLineForPeople).join('');

const counted = (values: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const value of [...values].sort()) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
};

const described = (name: string, content: string, rows: readonly TrainingRow[]) => ({
  name,
  sha256: createHash('sha256').update(content).digest('hex'),
  rows: rows.length,
  labels: counted(rows.map((row) => row.label)),
  sources: counted(rows.map((row) => row.source)),
  people: new Set(rows.map((row) => row.labelledBy)).size,
  predictedBy: counted(rows.map((row) => row.bundleDigest)),
});

/** What files came of what: counts, digests and filters, no words. @param now when it was asked for */
export const provenanceOf = (asked: Asked, labelled: Labelled, now: Date) => ({
  labelSpace: asked.space,
  since: asked.since?.toISOString() ?? null,
  drawn: asked.drawn ?? null,
  exportTime: now.toISOString(),
  servedBundleDigest: labelled.servedBundleDigest,
  disputedMessages: labelled.disputed,
  rowsOfUnknownLabels: labelled.unknownLabels,
  randomSample: labelled.sample,
  files: [described(TRAIN, csvOf(labelled.chosen), labelled.chosen), described(CALIBRATION, csvOf(labelled.random), labelled.random)],
});

/** Writes the folder, readable by its owner alone: customers' messages are in it, masked. */
export async function writeTrainingFiles(folder: string, asked: Asked, labelled: Labelled, now: Date): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const files: readonly [string, string][] = [
    [TRAIN, csvOf(labelled.chosen)],
    [CALIBRATION, csvOf(labelled.random)],
    [PROVENANCE, `${JSON.stringify(provenanceOf(asked, labelled, now), null, 2)}\n`],
  ];
  for (const [name, content] of files) await replaceFile(join(folder, name), content);
}

export async function replaceFile(file: string, content: string): Promise<void> {
  const part = `${file}.part`;
  await writeFile(part, content, { mode: 0o600 });
  await rename(part, file);
}
