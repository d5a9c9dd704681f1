import { type Client, ClientError, Status } from 'nice-grpc';
import { CompareBundlesResponse, ModelMonitoringServiceDefinition } from '../gen/replymesh/v1/model_monitoring_service.js';
import { type Bundle, ModelServiceDefinition } from '../gen/replymesh/v1/model_service.js';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { withMesh } from './meshClient.js';
import { openModelsFolder } from './modelsFolder.js';
import { promotionVerdict, renderComparison } from './promotion.js';
import { printable } from './renderDecision.js';

/** A promotion that takes longer than a call may is asked for again: it goes on meanwhile. */
const ATTEMPTS = 30;
/** Figure of each space that the list shows. */
const MAIN_FIGURE = 'test.accuracy';

/** Lists the bundles of a running mesh. */
export async function listModels({ json }: { json?: boolean }, env: Environment): Promise<number> {
  const bundles = await withModels(env, async (models) => (await models.listBundles({})).bundles);
  process.stdout.write(json ? `${JSON.stringify(bundles)}\n` : printable(bundles.map(linesOf).join('')));
  return 0;
}

export interface PromoteOptions {
  /** Only when the paired test says that it is better. */
  readonly ifBetter?: boolean;
  readonly alpha: number;
  readonly minDisagreements: number;
}

/** Makes a bundle the champion, named by its digest, the beginning of it, its name, name and version, or alias. */
export async function promoteModel(named: string, options: PromoteOptions, env: Environment): Promise<number> {
  const bundles = await withModels(env, async (models) => (await models.listBundles({})).bundles);
  const wanted = oneNamed(named, bundles);
  if (options.ifBetter) {
    const { comparison } = await comparisonOf(wanted.digest, {}, env);
    const verdict = promotionVerdict(comparison, options);
    if (!verdict.promote) throw new CommandFailed(`Not promoted: ${verdict.why}`);
    process.stderr.write(`${verdict.why}\n`);
  }
  const { digest } = wanted;
  const bundle = await withModels(env, async (models) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await models.promoteBundle({ digest })).bundle!;
      } catch (error) {
        const isSlow = error instanceof ClientError && error.code === Status.DEADLINE_EXCEEDED;
        if (!isSlow || attempt === ATTEMPTS) throw error;
      }
    }
  });
  tellServed(bundle, bundles);
  return 0;
}

/** Goes back to the champion before. */
export async function rollBackModel(env: Environment): Promise<number> {
  const { bundle, before } = await withModels(env, async (models) => {
    const { bundles } = await models.listBundles({});
    return { before: bundles, bundle: (await models.rollBackBundle({}).catch(refuseToRepeat)).bundle! };
  });
  tellServed(bundle, before);
  return 0;
}

/** What is served now, and the spaces that no longer are: messages in them are refused from now on. */
function tellServed(bundle: Bundle, before: readonly Bundle[]): void {
  process.stdout.write(printable(linesOf(bundle)));
  const spaces = new Set(bundle.spaces.map(({ name }) => name));
  const gone = before.filter(({ served }) => served).flatMap((one) => one.spaces.flatMap(({ name }) => (spaces.has(name) ? [] : [name])));
  if (gone.length > 0)
    process.stderr.write(printable(`It has no label space ${gone.join(', ')}, which was served until now: messages in it are refused.\n`));
}

/** Asked for again, it would go one further back. */
function refuseToRepeat(error: unknown): never {
  if (!(error instanceof ClientError && error.code === Status.DEADLINE_EXCEEDED)) throw error;
  throw new CommandFailed('It takes longer than a call may, and goes on: "models list" tells when the bundle before is served.');
}

/** Copies a bundle into the models folder of the mesh on this machine, once it was checked; it is the challenger then. */
export async function addModel(folder: string, env: Environment): Promise<number> {
  const bundle = await (await openModelsFolder(env)).add(folder);
  process.stdout.write(`${bundle.digest}\n`);
  process.stderr.write(
    `${bundle.manifest.name} ${bundle.manifest.version} was added. Serve it with "models promote ${bundle.digest.slice(0, 12)}".\n`,
  );
  return 0;
}

export interface CompareOptions {
  readonly space?: string;
  readonly json?: boolean;
}

/** Compares a challenger with the champion on messages that both have read. */
export async function compareModels(named: string, options: CompareOptions, env: Environment): Promise<number> {
  const { digest } = await withModels(env, async (models) => oneNamed(named, (await models.listBundles({})).bundles));
  const { comparison, champion } = await comparisonOf(digest, options, env);
  process.stdout.write(
    options.json
      ? `${JSON.stringify(CompareBundlesResponse.toJSON(comparison))}\n`
      : printable(`${digest.slice(0, 12)} against ${champion.slice(0, 12)}\n${renderComparison(comparison)}`),
  );
  return 0;
}

async function comparisonOf(challenger: string, { space = '' }: Pick<CompareOptions, 'space'>, env: Environment) {
  const { bundles } = await withModels(env, (models) => models.listBundles({}));
  const champion = bundles.find(({ aliases }) => aliases.includes('champion'))!.digest;
  if (champion === challenger) throw new CommandFailed('It is the champion already.');
  const comparison = await withMesh(ModelMonitoringServiceDefinition, ['models.read'], env, (monitoring) =>
    monitoring.compareBundles({ champion, challenger, labelSpace: space }),
  );
  return { champion, comparison };
}

const withModels = <T>(env: Environment, work: (models: Client<ModelServiceDefinition>) => Promise<T>): Promise<T> =>
  withMesh(ModelServiceDefinition, ['models.read', 'models.write'], env, work);

function oneNamed(named: string, bundles: readonly Bundle[]): Bundle {
  const found = bundles.filter(
    ({ digest, name, version, aliases }) =>
      digest.startsWith(named) || [name, `${name} ${version}`, `${name}@${version}`, ...aliases].includes(named),
  );
  if (found.length === 1) return found[0]!;
  throw new CommandFailed(
    found.length === 0
      ? `No bundle is called "${named}". "models list" tells what there is.`
      : `"${named}" names ${found.length} bundles. Give more of the digest.`,
  );
}

function linesOf({ digest, name, version, aliases, served, spaces, problem }: Bundle): string {
  const marks = [...aliases, ...(served ? ['served'] : [])].join(', ');
  const head = `${digest.slice(0, 12)}  ${problem ? `broken: ${problem}` : `${name} ${version}`}${marks && `  ${marks}`}\n`;
  return head + spaces.map((space) => `  ${space.name.padEnd(12)} ${space.labelCount} labels${accuracyOf(space)}\n`).join('');
}

function accuracyOf({ figures }: Bundle['spaces'][number]): string {
  const figure = figures.find((f) => f.name === MAIN_FIGURE);
  return figure ? `, accuracy ${(100 * figure.value).toFixed(1)} %` : '';
}
