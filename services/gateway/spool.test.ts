import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import { openSpool, type Spool, type Spooled } from './spool.js';

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
const open = async (deliver: (entry: Spooled) => Promise<'stored' | 'later' | 'refused'>): Promise<Spool> => {
  const spool = await openSpool(folder, deliver);
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

  it('is not confused with the half-written file of a crash', async () => {
    await writeFile(join(folder, `demo.${entry(4).request.query!.id}.record.part`), 'half');
    const spool = await open(async () => 'later');
    expect(spool.byId('demo', entry(4).request.query!.id)).toBeUndefined();
  });

  it('is refused with a clear message when the folder cannot be used', async () => {
    await writeFile(join(folder, 'file'), '');
    await expect(openSpool(join(folder, 'file'), async () => 'later')).rejects.toThrow(/REPLYMESH_SPOOL_DIR/);
  });
});
