import { mkdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { declare, type Environment, parseConfig, path } from '../lib/config.js';
import { StartError } from '../lib/errors.js';
import { type FolderLock, lockFolder } from '../lib/folderLock.js';
import { lockOf, recordOf, removeRows, rowsOf } from '../lib/retrainingFolder.js';
import { csvLine } from './csvLine.js';
import { CommandFailed } from './failure.js';
import { type ModelsFolder, openModelsFolder } from './modelsFolder.js';
import { runProgram, trainingPython } from './pythonEnvironment.js';
import { retrainingBase } from './retrainingBase.js';
import { lostLabels, mergedRows, type Labelled as Row } from './retrainingRows.js';
import { readRows } from './rows.js';
import { root, setVariables } from './settings.js';
import { refuseSpaceName, trainingArguments } from './train.js';
import { CALIBRATION, provenanceOf, replaceFile, TRAIN } from './trainingFiles.js';
import { type Labelled, readLabelled, toldOf } from './trainingRows.js';

export const RetrainConfig = declare({
  data: path({
    env: 'REPLYMESH_RETRAIN_DATA',
    optional: true,
    mustExist: true,
    doc: 'Folder with the rows that label spaces were trained on, <space>.csv or <space>/train.csv, which "retrain" keeps beside the new ones where no --data is said.',
  }),
});

export interface RetrainOptions {
  readonly space: string;
  readonly since?: Date;
  /** What the space was trained on: a CSV file, or a folder with train.csv. */
  readonly data?: string;
  readonly held?: string;
  readonly fineTune?: boolean;
  readonly license?: string;
  /** From the bundle that is served, whatever challenger was made of it before. */
  readonly afresh?: boolean;
  /** Fewest labelled rows to begin with. */
  readonly leastLabels: number;
}

/** Trains a space anew with what people labelled, from the bundle that is served or its challenger, and adds the new one as challenger. Prints its digest. */
export async function retrain(options: RetrainOptions, env: Environment, signal: AbortSignal): Promise<number> {
  refuseSpaceName(options.space);
  const models = await openModelsFolder(env);
  await mkdir(models.path, { recursive: true });
  const lock = takeLock(lockOf(models.path));
  const work = join(rowsOf(models.path), options.space);
  try {
    await removeRows(models.path);
    const { provenance, ...prepared } = await prepare(options, models, work, env);
    const code = await trainAnew(options, prepared, env, signal);
    if (code !== 0) return code;
    const { digest, manifest } = await models.add(prepared.out);
    await replaceFile(recordOf(models.path, digest), `${JSON.stringify(provenance, null, 2)}\n`);
    process.stdout.write(`${digest}\n`);
    process.stderr.write(`${manifest.name} ${manifest.version} is the challenger. Serve it with "models promote challenger".\n`);
    return 0;
  } finally {
    // Messages of customers stay nowhere that an erasure does not reach.
    await removeRows(models.path);
    lock.release();
  }
}

/** Two at once would take each other's challenger's place. @throws CommandFailed while another retraining runs on this machine */
function takeLock(file: string): FolderLock {
  try {
    return lockFolder(file, process.pid);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new CommandFailed(`Another retraining runs, or the models folder cannot be written (lock file ${file}). Wait for its end.`);
  }
}

interface Prepared {
  /** Folder of the bundle that is trained upon. */
  readonly base: string;
  /** Folder of the rows. */
  readonly work: string;
  /** Folder of the new bundle. */
  readonly out: string;
  /** Whether there are rows of a fair sample. */
  readonly sampled: boolean;
}

/** Reads what people labelled and writes it for Python. @throws CommandFailed when that is too little, or would lose a label of the space */
async function prepare(
  options: RetrainOptions,
  models: ModelsFolder,
  work: string,
  env: Environment,
): Promise<Prepared & { readonly provenance: object }> {
  const { space, since, leastLabels } = options;
  const data = options.data ?? (await ownRowsOf(space, env));
  const asked = { space, ...(since ? { since } : {}) };
  const labelled = await readLabelled(asked, env);
  process.stderr.write(toldOf(labelled));
  if (labelled.chosen.length < leastLabels)
    throw new CommandFailed(
      `${labelled.chosen.length} labelled rows are too few to train the space "${space}" anew, which takes ${leastLabels}. Resolve more reviews, or say --least-labels.`,
    );
  const base = await retrainingBase(models, labelled.servedBundleDigest, options.afresh);
  if (base.digest !== labelled.servedBundleDigest)
    process.stderr.write(`It is trained upon the challenger ${base.digest.slice(0, 12)}, whose other spaces stay as they are.\n`);
  const { rows, overruled } = mergedRows(data === undefined ? [] : await readRows(await fileOf(data)), labelled.chosen);
  if (overruled > 0) process.stderr.write(`${overruled} rows of ${data} give way to what people said of the same text.\n`);
  await refuseLoss(models, labelled, space, rows);
  await mkdir(work, { recursive: true, mode: 0o700 });
  await replaceFile(join(work, TRAIN), csvOf(rows));
  await replaceFile(join(work, CALIBRATION), csvOf(labelled.random));
  const provenance = { ...provenanceOf(asked, labelled, new Date()), baseBundleDigest: base.digest };
  return { base: base.folder, work, out: join(work, 'bundle'), sampled: labelled.random.length > 0, provenance };
}

const csvOf = (rows: readonly Row[]): string => [['text', 'label'], ...rows.map(({ text, label }) => [text, label])].map(csvLine).join('');

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

async function fileOf(data: string): Promise<string> {
  const file = resolve(data);
  return (await isFolder(file)) ? join(file, TRAIN) : file;
}

/** What REPLYMESH_RETRAIN_DATA has of a space. */
async function ownRowsOf(space: string, env: Environment): Promise<string | undefined> {
  const { data } = parseConfig(RetrainConfig, env);
  if (data === undefined) return undefined;
  const folder = join(data, space);
  if (await isFolder(folder)) return folder;
  const file = `${folder}.csv`;
  return stat(file).then(
    () => file,
    () => undefined,
  );
}

/** A space that forgets labels is worse than an old one, whatever its figures say. */
async function refuseLoss(
  { registry }: ModelsFolder,
  { servedBundleDigest }: Labelled,
  space: string,
  rows: readonly Row[],
): Promise<void> {
  const { manifest } = await registry.manifestOf(servedBundleDigest);
  const labels = manifest.spaces.find((one) => one.name === space)?.labels ?? [];
  const lost = lostLabels(labels, rows);
  if (lost === undefined) return;
  throw new CommandFailed(
    `The space "${space}" would forget labels that have fewer than two texts (${lost}). Give the rows that it was trained on with --data, or resolve more reviews.`,
  );
}

async function trainAnew(
  options: RetrainOptions,
  { base, work, out, sampled }: Prepared,
  env: Environment,
  signal: AbortSignal,
): Promise<number> {
  const { space, held, fineTune, license } = options;
  const variables = setVariables(env);
  const python = await trainingPython(variables, signal);
  const asked = trainingArguments({
    ...{ space, base, out, data: join(work, TRAIN), license: license ?? 'own' },
    ...(held === undefined ? {} : { held }),
    ...(sampled ? { calibration: join(work, CALIBRATION) } : {}),
    ...(fineTune ? { fineTune } : {}),
  });
  // Without a server the run would go to a folder that nobody looks at.
  const more = variables['MLFLOW_TRACKING_URI'] ? ['--alias', 'challenger'] : [];
  process.stderr.write(`Training the label space "${space}" anew …\n`);
  return runProgram(python, ['-m', 'replymesh_training', ...asked, '--counts-only', ...more], {
    signal,
    env: { ...variables, PYTHONPATH: join(root, 'training') },
    onStdout: () => {},
  });
}
