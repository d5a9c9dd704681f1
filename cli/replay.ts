import type { Client } from 'nice-grpc';
import pMap from 'p-map';
import { Decision } from '../gen/replymesh/type/v1/decision.js';
import type { Policy } from '../gen/replymesh/type/v1/policy.js';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import type { Environment } from '../lib/config.js';
import { loadPolicy } from '../services/gateway/policy.js';
import { withMesh } from './meshClient.js';
import { printable } from './renderDecision.js';
import { type Replayed, renderPolicyReplay, renderReplay, reportOf } from './replayReport.js';

export interface ReplayOptions {
  /** Messages accepted from then on … */
  readonly since: Date;
  /** … and before then; without it, all. */
  readonly until?: Date;
  /** Most messages, the newest. */
  readonly limit?: number;
  /** File of another policy to decide by. */
  readonly policy?: string;
  readonly json?: boolean;
}

/** Replays that run at once: enough to keep the models busy, few enough that customers do not wait behind them. */
const CONCURRENCY = 4;
const PAGE = 200;

/** Makes recorded decisions again and prints what differs. 1 when something does, except by another policy, which is asked for just that. */
export async function replay({ policy: file, json, ...which }: ReplayOptions, env: Environment): Promise<number> {
  const policy = file === undefined ? undefined : loadPolicy(file);
  const replays = await withMesh(QueryServiceDefinition, ['queries.read'], env, (queries) => replayAll(queries, which, policy));
  const report = reportOf(replays);
  if (json) process.stdout.write(`${JSON.stringify(policy ? { policyVersion: policy.version, ...report } : report)}\n`);
  else process.stdout.write(printable(policy ? renderPolicyReplay(report, policy.version) : renderReplay(report)));
  return policy || report.different.length === 0 ? 0 : 1;
}

async function replayAll(
  queries: Client<typeof QueryServiceDefinition>,
  { since: startTime, until: endTime, limit = Number.POSITIVE_INFINITY }: Pick<ReplayOptions, 'since' | 'until' | 'limit'>,
  policy: Policy | undefined,
): Promise<Replayed[]> {
  const replays: Replayed[] = [];
  for (let pageToken = ''; ; ) {
    const pageSize = Math.min(limit - replays.length, PAGE);
    const page = await queries.listQueries({ startTime, endTime, pageSize, pageToken });
    const replayed = await pMap(
      page.queries,
      async ({ id }): Promise<Replayed> => ({ id, response: slim(await queries.replayQuery({ id, policy })) }),
      { concurrency: CONCURRENCY },
    );
    replays.push(...replayed);
    pageToken = page.nextPageToken;
    if (pageToken === '' || replays.length >= limit) return replays;
    process.stderr.write(`${replays.length} replayed …\n`);
  }
}

const verdictOf = (decision: Decision | undefined): Decision | undefined =>
  decision && Decision.fromPartial({ action: decision.action, reason: decision.reason });

/** Without what no report needs, so that many thousand fit into memory. */
const slim = (response: Replayed['response']): Replayed['response'] => ({
  ...response,
  recorded: verdictOf(response.recorded),
  replayed: verdictOf(response.replayed),
});
