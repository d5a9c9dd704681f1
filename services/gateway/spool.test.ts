import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { canMount, smallDisk } from '../../lib/fullDisk.fixture.js';
import { type Delivered, openSpool, type Spool } from './spool.js';
import type { Spooled } from './spoolEntries.js';

let folder: string;
let spools: Spool[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(async () => {
  for (const spool of spools) await spool.close();
  spools = [];
  await rm(folder, { recursive: true });
});
const open = async (deliver: (entry: Spooled) => Promise<Delivered>, most = 100): Promise<Spool> => {
  const spool = await openSpool(folder, most, deliver);
  spools.push(spool);
  return spool;
};
const entry = (n: number): Spooled => ({
  tenant: 'demo',
  request: RecordDecisionRequest.fromPartial({
    query: {
      id: `qry_00000000-0000-7000-8000-00000000000${n}`,
      requestId: `r-${n}`,
      createTime: new Date(0),
      decision: { confidence: 0.5 },
    },
  }),
});

/** When a customer was erased. */
const UNTIL = new Date('2026-11-24T12:00:00Z');

describe('a record that context cannot take yet', () => {
  it('can be read at once, by its id and by the caller’s request id, and by nobody of another tenant', async () => {
    const spool = await open(async () => 'later');
    await spool.put(entry(1));
    expect(spool.byId('demo', entry(1).request.query!.id)?.requestId).toBe('r-1');
    expect(spool.byRequestId('demo', 'r-1')?.request.query?.id).toBe(entry(1).request.query!.id);
    expect(spool.byRequestId('other', 'r-1')).toBeUndefined();
  });

  it('survives the process and is delivered, oldest first, when context returns', async () => {
    const first = await open(async () => 'later');
    await first.put(entry(2));
    await first.put(entry(1));
    await first.close();
    const delivered: string[] = [];
    await open(async ({ request }) => {
      delivered.push(request.query!.requestId);
      return 'stored';
    });
    await expect.poll(() => delivered).toEqual(['r-1', 'r-2']);
    await expect.poll(() => readdir(folder)).toEqual([]);
  });

  it('is set aside for a person when context refuses it for good', async () => {
    const spool = await open(async () => 'refused');
    await spool.put(entry(3));
    await expect.poll(() => readdir(folder)).toEqual([`demo.${entry(3).request.query!.id}.record.refused`]);
  });

  it('lets the others pass when context cannot take it, and is tried again', async () => {
    const first = await open(async () => 'later');
    for (const n of [1, 2, 3]) await first.put(entry(n));
    await first.close();
    const asked: string[] = [];
    await open(async ({ request }) => {
      asked.push(request.query!.requestId);
      return request.query!.requestId === 'r-1' ? 'later' : 'stored';
    });
    await expect.poll(() => asked.filter((id) => id === 'r-1').length, { timeout: 10_000 }).toBeGreaterThan(1);
    expect(asked.filter((id) => id !== 'r-1')).toEqual(['r-2', 'r-3']);
    expect(await readdir(folder)).toEqual([`demo.${entry(1).request.query!.id}.record`]);
  });

  it('lets the others pass though handing it on breaks', async () => {
    const spool = await open(async ({ request }) => {
      if (request.query!.requestId === 'r-1') throw new Error('broken');
      return 'stored';
    });
    await spool.put(entry(1));
    await spool.put(entry(2));
    await expect.poll(() => readdir(folder), { timeout: 10_000 }).toEqual([`demo.${entry(1).request.query!.id}.record`]);
  });

  it('is set aside when its file is damaged, and the gateway starts', async () => {
    const name = `demo.${entry(5).request.query!.id}.record`;
    await writeFile(join(folder, name), Buffer.from([0xff, 0xff, 0xff]));
    await open(async () => 'later');
    expect(await readdir(folder)).toEqual([`${name}.refused`]);
  });

  it('is erased with its customer, also where it was set aside, and no other is', async () => {
    const of = (n: number, customerId: string, tenant = 'demo', createTime = UNTIL): Spooled => {
      const { request } = entry(n);
      return { tenant, request: { ...request, query: { ...request.query!, customerId, createTime } } };
    };
    const delivered: string[] = [];
    const spool = await open(async ({ request }) => {
      delivered.push(request.query!.requestId);
      return request.query!.requestId === 'r-1' ? 'refused' : 'later';
    });
    await spool.put(of(1, 'cus_ada'));
    await expect.poll(() => readdir(folder)).toEqual([expect.stringMatching(/refused$/)]);
    const damaged = `demo.${entry(9).request.query!.id}.record.refused`;
    await writeFile(join(folder, damaged), Buffer.from([0xff, 0xff, 0xff]));
    const after = of(5, 'cus_ada', 'demo', new Date(UNTIL.getTime() + 1));
    for (const waiting of [of(2, 'cus_ada'), of(3, 'cus_ben'), of(4, 'cus_ada', 'rival'), after]) await spool.put(waiting);
    expect(await spool.erase('demo', 'cus_ada', UNTIL)).toBe(2);
    expect(await spool.erase('demo', 'cus_ada', UNTIL)).toBe(0);
    expect([spool.byRequestId('demo', 'r-2'), spool.byRequestId('demo', 'r-3')?.tenant]).toEqual([undefined, 'demo']);
    expect(await readdir(folder)).toEqual([
      `demo.${entry(3).request.query!.id}.record`,
      `demo.${entry(5).request.query!.id}.record`,
      damaged,
      `rival.${entry(4).request.query!.id}.record`,
    ]);
  });

  it('is found by no request id any more once it is delivered', async () => {
    const spool = await open(async () => 'stored');
    await spool.put(entry(1));
    await expect.poll(() => spool.byRequestId('demo', 'r-1')).toBeUndefined();
    expect(spool.byId('demo', entry(1).request.query!.id)).toBeUndefined();
  });

  it('is not taken when as many wait as may', async () => {
    const spool = await open(async () => 'later', 2);
    await spool.put(entry(1));
    await spool.put(entry(2));
    await expect(spool.put(entry(3))).rejects.toThrow('2 records wait already');
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('is readable by its owner alone', async () => {
    const spool = await open(async () => 'later');
    await spool.put(entry(1));
    const modes = await Promise.all([folder, join(folder, `demo.${entry(1).request.query!.id}.record`)].map((path) => stat(path)));
    expect(modes.map(({ mode }) => (mode & 0o777).toString(8))).toEqual(['700', '600']);
  });

  it('is not confused with the half-written file of a crash, which goes', async () => {
    await writeFile(join(folder, `demo.${entry(4).request.query!.id}.record.part`), 'half');
    const spool = await open(async () => 'later');
    expect(spool.byId('demo', entry(4).request.query!.id)).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is refused with a clear message when the folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openSpool(join(folder, 'file'), 100, async () => 'later')).rejects.toThrow(/REPLYMESH_SPOOL_DIR/);
  });
});

describe.runIf(await canMount())('a spool on a disk that is full', () => {
  it('takes nothing, leaves nothing half-written, keeps what it took, and goes on once there is room', async () => {
    const disk = smallDisk(2)!;
    const records = join(disk.folder, 'spool');
    const large = (n: number): Spooled => {
      const { request } = entry(n);
      return { tenant: 'demo', request: { ...request, query: { ...request.query!, text: 'x'.repeat(100_000) } } };
    };
    const names = (...numbers: number[]) => numbers.map((n) => `demo.${entry(n).request.query!.id}.record`);
    try {
      const spool = await openSpool(records, 100, async () => 'later');
      spools.push(spool);
      await spool.put(large(1));
      disk.fill();
      for (const n of [2, 3]) await expect(spool.put(large(n))).rejects.toMatchObject({ code: 'ENOSPC' });
      expect([await readdir(records), spool.byRequestId('demo', 'r-2')]).toEqual([names(1), undefined]);
      disk.empty();
      await spool.put(large(3));
      await spool.close();
      const delivered: string[] = [];
      spools.push(
        await openSpool(records, 100, async ({ request }) => {
          delivered.push(request.query!.requestId);
          return 'stored';
        }),
      );
      await expect.poll(() => delivered).toEqual(['r-1', 'r-3']);
      await expect.poll(() => readdir(records)).toEqual([]);
    } finally {
      await disk.close();
    }
  });
});
