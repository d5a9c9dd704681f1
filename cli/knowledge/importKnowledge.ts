import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import type { Environment } from '../../lib/config.js';
import { CommandFailed } from '../failure.js';
import { withMesh } from '../meshClient.js';
import { printable } from '../renderDecision.js';
import type { Refusal } from './draft.js';
import { openFolder } from './folder.js';
import { type Reading, readEntries } from './readEntries.js';
import type { Source } from './source.js';
import { type Change, pruneArticles, storeArticles } from './storeArticles.js';
import { openWeb } from './web.js';

export interface ImportOptions {
  /** What the sources of a folder's articles begin with, in place of its path. */
  readonly source?: string;
  readonly audience?: string;
  readonly language?: string;
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly json?: boolean;
}

const SCOPES = ['knowledge.read', 'knowledge.write'];

/** Imports articles of a folder, a file or a web site into a running mesh. @returns 1 when something was refused, else 0 */
export async function importKnowledge(target: string, options: ImportOptions, env: Environment, signal: AbortSignal): Promise<number> {
  const source = await open(target, options, signal);
  const reading = await readEntries(source.entries, options, signal);
  const { prune = false, dryRun = false, replace = false } = options;
  // A sitemap that was not read may name what would be deleted.
  const pruning = prune && source.refusals.length === 0;
  const { changes, refusals } = await withMesh(KnowledgeServiceDefinition, SCOPES, env, async (knowledge) => {
    const stored = await storeArticles(knowledge, reading.articles, source, { dryRun, replace }, signal);
    const pruned = pruning ? await pruneArticles(knowledge, reading, source, dryRun, signal) : [];
    return { changes: [...stored.changes, ...pruned], refusals: [...source.refusals, ...reading.refusals, ...stored.refusals] };
  });
  for (const note of notes(source, reading, prune && !pruning)) process.stderr.write(printable(`${note}\n`));
  for (const { file, line, problem } of refusals) process.stderr.write(printable(`${file}:${line}: ${problem}\n`));
  process.stdout.write(
    options.json ? `${JSON.stringify(summary(changes, refusals, dryRun))}\n` : printable(shown(changes, refusals, dryRun)),
  );
  return refusals.length > 0 ? 1 : 0;
}

function open(target: string, { source }: ImportOptions, signal: AbortSignal): Promise<Source> {
  if (!/^https?:\/\//i.test(target)) return openFolder(target, source);
  if (source !== undefined)
    throw new CommandFailed('--source is for folders and files: the articles of a web site are known by their addresses.', 2);
  if (!URL.canParse(target)) throw new CommandFailed(`"${target}" is no address.`, 2);
  return openWeb(target, signal);
}

function notes({ others }: Source, { articles, unknownKeys }: Reading, unpruned: boolean): string[] {
  const now = Date.now();
  const stale = articles.filter(({ article }) => article.staleTime && article.staleTime.getTime() <= now).length;
  const keys = [...unknownKeys].map(([key, count]) => `${key} (${count})`).join(', ');
  return [
    ...(others > 0 ? [`Files of other kinds that are left out: ${others}.`] : []),
    ...(keys === '' ? [] : [`These keys mean nothing here: ${keys}.`]),
    ...(stale > 0 ? [`Articles that are stale already, so that no customer is shown them: ${stale}.`] : []),
    ...(unpruned ? ['Nothing is pruned, since it is not known what is gone.'] : []),
  ];
}

const KINDS = ['added', 'changed', 'unchanged', 'pruned'] as const;
const countOf = (changes: readonly Change[], what: Change['what']): number => changes.filter((change) => change.what === what).length;

const summary = (changes: readonly Change[], refused: readonly Refusal[], dryRun: boolean) => ({
  dryRun,
  ...Object.fromEntries(KINDS.map((what) => [what, countOf(changes, what)])),
  refused,
});

const MARKS: Readonly<Record<Change['what'], string>> = { added: '+', changed: '~', unchanged: '=', pruned: '-' };

/** The counts, and for a dry run each article that would not stay as it is. */
function shown(changes: readonly Change[], refusals: readonly Refusal[], dryRun: boolean): string {
  const counts = `${KINDS.map((what) => `${countOf(changes, what)} ${what}`).join(', ')}, ${refusals.length} refused\n`;
  if (!dryRun) return counts;
  const lines = changes.filter(({ what }) => what !== 'unchanged').map(({ what, id, place }) => `${MARKS[what]} ${id}  ${place}\n`);
  return `${lines.join('')}It would be: ${counts}`;
}
