import { Action, DecisionReason } from '../gen/replymesh/type/v1/decision.js';
import { ReplayObstacle, type ReplayQueryResponse, ReplayStatus } from '../gen/replymesh/v1/query_service.js';
import { REASON_WORDS } from './plainWords.js';

/** One replay. */
export interface Replayed {
  readonly id: string;
  readonly response: ReplayQueryResponse;
}

/** Messages whose action another policy would have changed in the same way. */
interface Change {
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  /** Whether their replies would first have to be written. */
  readonly replyUnwritten: boolean;
  readonly count: number;
}

/** Messages that cannot be replayed for the same reason. */
interface Obstacle {
  readonly obstacle: string;
  readonly problem: string;
  readonly count: number;
}

export interface ReplayReport {
  readonly decisions: number;
  readonly identical: number;
  readonly different: readonly { readonly id: string; readonly fields: readonly string[] }[];
  readonly notReplayable: readonly Obstacle[];
  /** Only with another policy: what it changes, the most frequent first. */
  readonly changes: readonly Change[];
}

/** What many replays come to. */
export function reportOf(replays: readonly Replayed[]): ReplayReport {
  const withStatus = (status: ReplayStatus): Replayed[] => replays.filter(({ response }) => response.status === status);
  const different = withStatus(ReplayStatus.DIFFERENT);
  return {
    decisions: replays.length,
    identical: withStatus(ReplayStatus.IDENTICAL).length,
    different: different.map(({ id, response }) => ({ id, fields: response.differences })),
    notReplayable: counted(
      withStatus(ReplayStatus.NOT_REPLAYABLE).map(({ response: { obstacle, problem } }) => ({
        obstacle: ReplayObstacle[obstacle] ?? '?',
        problem,
      })),
    ),
    changes: counted(different.flatMap(({ response }) => changeOf(response) ?? [])),
  };
}

function changeOf({ recorded, replayed, replyUnwritten }: ReplayQueryResponse): Omit<Change, 'count'> | undefined {
  if (!recorded || !replayed || recorded.action === replayed.action) return undefined;
  return {
    from: Action[recorded.action] ?? '?',
    to: Action[replayed.action] ?? '?',
    reason: DecisionReason[replayed.reason] ?? '?',
    replyUnwritten,
  };
}

/** Each kind once with how often it came, the most frequent first. */
function counted<T extends object>(kinds: readonly T[]): (T & { count: number })[] {
  const byName = new Map<string, T & { count: number }>();
  for (const kind of kinds) {
    const name = JSON.stringify(kind);
    const before = byName.get(name);
    byName.set(name, { ...kind, count: (before?.count ?? 0) + 1 });
  }
  return [...byName.values()].sort((a, b) => b.count - a.count);
}

/** Most kinds of obstacles that are told one by one. */
const MOST_OBSTACLES = 10;
const number = (count: number): string => String(count).padStart(7);

/** For a person at a terminal. */
export function renderReplay(report: ReplayReport): string {
  return [
    `${report.decisions} decisions were made again:\n\n`,
    `${number(report.identical)}  IDENTICAL\n`,
    `${number(report.different.length)}  DIFFERENT\n`,
    ...report.different.map(({ id, fields }) => `           ${id}: ${fields.join(', ')}\n`),
    ...obstacles(report),
  ].join('');
}

/** The same with another policy. @param version the policy's own name */
export function renderPolicyReplay(report: ReplayReport, version: string): string {
  const changed = report.changes.reduce((sum, change) => sum + change.count, 0);
  const judged = report.identical + report.different.length;
  const otherReason = report.different.length - changed;
  return [
    `Policy ${version} would have decided ${changed} of ${judged} messages otherwise:\n\n`,
    ...report.changes.map(changeLine),
    `${number(judged - changed)}  as before${otherReason > 0 ? `, ${otherReason} of them for another reason` : ''}\n`,
    ...obstacles(report),
  ].join('');
}

const changeLine = ({ from, to, reason, replyUnwritten, count }: Change): string => {
  const why = replyUnwritten
    ? 'if every sentence of a reply, which was never written, has a source'
    : `${REASON_WORDS[reason] ?? ''} (${reason})`;
  return `${number(count)}  ${`${from} → ${to}`.padEnd(18)}  ${why}\n`;
};

const obstacles = ({ notReplayable }: ReplayReport): string[] => [
  `${number(notReplayable.reduce((sum, one) => sum + one.count, 0))}  NOT_REPLAYABLE\n`,
  ...notReplayable
    .slice(0, MOST_OBSTACLES)
    .map(({ obstacle, problem, count }) => `           ${count === 1 ? '' : `${count} × `}${obstacle}: ${problem}\n`),
  ...(notReplayable.length > MOST_OBSTACLES ? [`           and ${notReplayable.length - MOST_OBSTACLES} more; --json tells all\n`] : []),
];
