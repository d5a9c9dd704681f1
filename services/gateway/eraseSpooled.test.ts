import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { EraseCustomerRequest, EraseCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import type { Call } from '../../lib/call.js';
import { eraseSpooled } from './eraseSpooled.js';
import { openSpool, type Spool } from './spool.js';

const ERASED = new Date('2026-11-24T12:00:00Z');
const idOf = (n: number): string => `qry_00000000-0000-7000-8000-00000000000${n}`;

describe('an erasure, of what waits at the gateway,', () => {
  let folder: string;
  let spool: Spool;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'erase-spooled-'));
    spool = await openSpool(folder, 10, async () => 'later');
  });
  afterEach(async () => {
    await spool.close();
    await rm(folder, { recursive: true });
  });
  const accept = (n: number, createTime: Date) =>
    spool.put({ tenant: 'demo', request: RecordDecisionRequest.fromPartial({ query: { id: idOf(n), customerId: 'c-1', createTime } }) });
  const erase = (pass: () => Promise<EraseCustomerResponse>) =>
    eraseSpooled(spool)(
      EraseCustomerRequest.fromPartial({ customerId: 'c-1', requestId: 'e-1' }),
      { principal: { tenant: 'demo' } } as Call,
      pass,
    );
  const receipt = async () => EraseCustomerResponse.fromPartial({ customerId: 'c-1', eraseTime: ERASED });

  it('takes what was accepted by then, and when its request is sent again it drops nothing that was acknowledged since', async () => {
    await accept(1, ERASED);
    expect((await erase(receipt)).stores).toMatchObject([{ store: 'gateway_spool', removed: 1 }]);
    await accept(2, new Date(ERASED.getTime() + 1));
    expect((await erase(receipt)).stores).toMatchObject([{ store: 'gateway_spool', removed: 0 }]);
    expect([spool.byId('demo', idOf(1)), spool.byId('demo', idOf(2))?.id]).toEqual([undefined, idOf(2)]);
  });

  it('drops nothing while context does not do its part', async () => {
    await accept(1, ERASED);
    await expect(erase(() => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(spool.byId('demo', idOf(1))?.id).toBe(idOf(1));
  });
});
