import { AbortError } from 'abort-controller-x';
import { ClientError, Status } from 'nice-grpc';
import { ErrorInfo, RichClientError } from 'nice-grpc-error-details';
import { describe, expect, it } from 'vitest';
import { Degradation, Query } from '../../gen/replymesh/type/v1/decision.js';
import { delivery, recorder } from './record.js';
import type { Spooled } from './spoolEntries.js';

const PATH = '/replymesh.context.v1.ContextService/RecordDecision';
const principal = { tenant: 'demo', subject: 'test', scopes: new Set<string>() };
const query = Query.fromPartial({ id: 'qry_1', createTime: new Date(0), decision: { confidence: 0.5 } });
const request = { query, fingerprint: '', inputs: undefined };
const typed = (code: Status, reason: string) =>
  new RichClientError(PATH, code, reason, [ErrorInfo.fromPartial({ reason, domain: 'replymesh' })]);
const contextThat = (error: unknown) => ({ recordDecision: async () => Promise.reject(error) });

async function keep(error: unknown) {
  const spooled: Spooled[] = [];
  const record = recorder(contextThat(error), { put: async (entry) => void spooled.push(entry) });
  const outcome = await record(request, principal, new Date(Date.now() + 1000)).catch((e: unknown) => e);
  return { outcome, spooled };
}

const BROKEN: [string, unknown][] = [
  ['is away', new ClientError(PATH, Status.UNAVAILABLE, '')],
  ['breaks', typed(Status.INTERNAL, 'INTERNAL_ERROR')],
  ['is silent', new ClientError(PATH, Status.DEADLINE_EXCEEDED, '')],
  ['does not know the caller', typed(Status.UNAUTHENTICATED, 'TOKEN_MISSING')],
  ['is another program', new ClientError(PATH, Status.INVALID_ARGUMENT, 'no ErrorInfo')],
  ['is asked by a process that stalled', new AbortError()],
  ['cannot be asked', new TypeError('a bug')],
];
const REFUSALS = [typed(Status.ALREADY_EXISTS, 'REQUEST_ID_REUSED'), typed(Status.INVALID_ARGUMENT, 'FIELD_VIOLATION')];

describe('a decision', () => {
  it.each(BROKEN)('goes to the spool when context %s', async (_, error) => {
    const { outcome, spooled } = await keep(error);
    expect((outcome as Query).decision?.degraded).toEqual([Degradation.RECORD_SPOOLED]);
    expect(spooled.map((entry) => [entry.tenant, entry.request.query?.id])).toEqual([['demo', 'qry_1']]);
  });

  it.each(REFUSALS)('that context refuses ($message) is not kept', async (error) => {
    expect(await keep(error)).toEqual({ outcome: error, spooled: [] });
  });

  it('that can be stored nowhere was not accepted', async () => {
    const record = recorder(contextThat(new AbortError()), { put: async () => Promise.reject(new Error('full')) });
    await expect(record(request, principal, new Date(Date.now() + 1000))).rejects.toMatchObject({ reason: 'QUERY_NOT_ACCEPTED' });
  });
});

describe('a spooled record', () => {
  const deliver = (error: unknown) => delivery(contextThat(error))({ tenant: 'demo', request });
  it.each(BROKEN)('waits when context %s', async (_, error) => expect(await deliver(error)).toBe('later'));
  it.each(REFUSALS)('is set aside when context refuses it ($message)', async (error) => expect(await deliver(error)).toBe('refused'));
});
