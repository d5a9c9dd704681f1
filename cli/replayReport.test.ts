import { describe, expect, it } from 'vitest';
import { Action, DecisionReason } from '../gen/replymesh/type/v1/decision.js';
import { ReplayObstacle, ReplayQueryResponse, ReplayStatus } from '../gen/replymesh/v1/query_service.js';
import { type Replayed, renderPolicyReplay, renderReplay, reportOf } from './replayReport.js';

let id = 0;
const replayed = (response: Parameters<typeof ReplayQueryResponse.fromPartial>[0]): Replayed => ({
  id: `qry_${id++}`,
  response: ReplayQueryResponse.fromPartial(response),
});
const identical = () => replayed({ status: ReplayStatus.IDENTICAL });
const missing = (problem: string) => replayed({ status: ReplayStatus.NOT_REPLAYABLE, obstacle: ReplayObstacle.PASSAGE_CHANGED, problem });
const changed = (from: Action, to: Action, reason: DecisionReason, replyUnwritten = false) =>
  replayed({
    status: ReplayStatus.DIFFERENT,
    differences: ['action', 'reason'],
    recorded: { action: from, reason: DecisionReason.PERMITTED },
    replayed: { action: to, reason },
    replyUnwritten,
  });
const times = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);

describe('the report of replays', () => {
  it('counts them, names the fields that differ, and tells what stands in the way, the most frequent first', () => {
    const other = replayed({ status: ReplayStatus.DIFFERENT, differences: ['reply.text', 'reply.citations'] });
    const text = renderReplay(reportOf([missing('one is gone'), ...times(3, identical), other, ...times(2, () => missing('two is gone'))]));
    expect(text).toBe(
      [
        '7 decisions were made again:',
        '',
        '      3  IDENTICAL',
        '      1  DIFFERENT',
        `           ${other.id}: reply.text, reply.citations`,
        '      3  NOT_REPLAYABLE',
        '           2 × PASSAGE_CHANGED: two is gone',
        '           PASSAGE_CHANGED: one is gone',
        '',
      ].join('\n'),
    );
  });

  it('with another policy counts what that changes, and keeps apart what turns on a reply that was never written', () => {
    const report = reportOf([
      ...times(212, () => changed(Action.AUTO, Action.DRAFT, DecisionReason.CONFIDENCE_BELOW_AUTO)),
      ...times(3, () => changed(Action.ESCALATE, Action.AUTO, DecisionReason.PERMITTED, true)),
      changed(Action.DRAFT, Action.DRAFT, DecisionReason.AMBIGUOUS),
      identical(),
    ]);
    expect(renderPolicyReplay(report, '7')).toBe(
      [
        'Policy 7 would have decided 215 of 217 messages otherwise:',
        '',
        '    212  AUTO → DRAFT        the models are not sure enough to send it unseen (CONFIDENCE_BELOW_AUTO)',
        '      3  ESCALATE → AUTO     if every sentence of a reply, which was never written, has a source',
        '      2  as before, 1 of them for another reason',
        '      0  NOT_REPLAYABLE',
        '',
      ].join('\n'),
    );
  });

  it('does not tell a hundred reasons one by one', () => {
    const report = reportOf(times(100, () => missing(`passage ${id}`)));
    expect(
      renderReplay(report)
        .split('\n')
        .filter((line) => line.includes('PASSAGE_CHANGED')),
    ).toHaveLength(10);
    expect(renderReplay(report)).toContain('and 90 more; --json tells all');
  });
});
