import { chmod, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Gauge } from 'prom-client';
import { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import { registry } from '../../lib/metrics.js';
import { type SpoolEntries, type Spooled, spoolEntries } from './spoolEntries.js';

/** What became of a record that was handed on: `later` when the store could not take it, `refused` when it never will. */
export type Delivered = 'stored' | 'later' | 'refused';

export interface Spool {
  /** Returns once the record is on disk (fsync). @throws Error when it cannot be, or the spool is full */
  put(entry: Spooled): Promise<void>;
  byRequestId(tenant: string, requestId: string): Spooled | undefined;
  byId(tenant: string, id: string): Query | undefined;
  /** Deletes a customer's records of messages that were accepted by then, those that were set aside too. @returns how many */
  erase(tenant: string, customerId: string, until: Date): Promise<number>;
  close(): Promise<void>;
}

const waiting = new Gauge({ name: 'spooled_records', help: 'Records that wait on the gateway’s disk for context.', registers: [registry] });
const RETRY_MS = 500;
const FILE = /^([a-z0-9-]+)\.(qry_[0-9a-f-]+)\.record$/;
/** A half-written file of a crash: its caller got no answer. */
const PART = /\.record\.part$/;

/**
 * One file for each record in `folder`, named by tenant and query id, drained oldest first through `deliver`, which must be idempotent by id.
 * A record that the store cannot take waits, longer each time, and lets the others pass; one that it refuses for good is set aside as `*.refused` for a person.
 * @param most records that may wait
 * @throws StartError when the folder cannot be used
 */
export async function openSpool(folder: string, most: number, deliver: (entry: Spooled) => Promise<Delivered>): Promise<Spool> {
  const entries = await openEntries(folder);
  waiting.set(entries.size());

  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let draining: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    for (const [name, entry] of entries.due(Date.now())) {
      if (closed) return;
      // It may have been erased while those before it were handed on.
      if (!entries.get(name)) continue;
      const outcome = await handOn(folder, name, entry, deliver);
      if (outcome === 'later') {
        entries.defer(name, Date.now());
        // The store may be away, and then nothing is gained by asking for each; if it is this record alone, the next round is the others'.
        return;
      }
      entries.delete(name);
      waiting.set(entries.size());
      log.info({ query_id: entry.request.query?.id, outcome }, 'drained a spooled record');
    }
  };
  const tick = (): void => {
    if (closed || entries.size() === 0 || timer) return;
    timer = setTimeout(() => {
      draining = drain().finally(() => {
        timer = undefined;
        tick();
      });
    }, RETRY_MS);
  };
  tick();

  return {
    put: async (entry) => {
      if (entries.size() >= most) throw new Error(`${most} records wait already`);
      const name = `${entry.tenant}.${entry.request.query!.id}.record`;
      await writeDurably(join(folder, name), RecordDecisionRequest.encode(entry.request).finish());
      entries.set(name, entry);
      waiting.set(entries.size());
      tick();
    },
    byRequestId: entries.byRequestId,
    byId: (tenant, id) => entries.get(`${tenant}.${id}.record`)?.request.query,
    erase: async (tenant, customerId, until) => {
      const isTheirs = ({ query }: RecordDecisionRequest): boolean => query?.customerId === customerId && isBy(query, until);
      const names = entries.ofTenant(tenant, isTheirs);
      for (const name of names) {
        // First from memory: a delivery that is under way finds nothing to go on with.
        entries.delete(name);
        await rm(join(folder, name), { force: true });
      }
      waiting.set(entries.size());
      return names.length + (await eraseSetAside(folder, tenant, isTheirs));
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await draining;
    },
  };
}

/** The records that wait in the folder. @throws StartError */
async function openEntries(folder: string): Promise<ReturnType<typeof spoolEntries>> {
  const entries = spoolEntries();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await ownersOnly(folder);
    for (const name of (await readdir(folder)).sort()) await load(folder, name, entries);
  } catch (error) {
    throw new StartError(
      `The spool folder ${folder} cannot be used: ${(error as Error).message}. Set REPLYMESH_SPOOL_DIR to a folder that can be written.`,
    );
  }
  return entries;
}

/** Delivers a record and takes its file away. A file that stays is delivered again, which changes nothing. */
async function handOn(folder: string, name: string, entry: Spooled, deliver: (entry: Spooled) => Promise<Delivered>): Promise<Delivered> {
  try {
    const outcome = await deliver(entry);
    if (outcome === 'refused') await setAside(folder, name);
    if (outcome === 'stored') await rm(join(folder, name), { force: true });
    return outcome;
  } catch (error) {
    log.error({ error, query_id: entry.request.query?.id }, 'a spooled record could not be handed on');
    return 'later';
  }
}

const setAside = (folder: string, name: string): Promise<void> => rename(join(folder, name), join(folder, `${name}.refused`));

const isBy = ({ createTime }: Query, until: Date): boolean => (createTime?.getTime() ?? 0) <= until.getTime();

/** What cannot be read is nobody's that we know. */
async function eraseSetAside(folder: string, tenant: string, isTheirs: (request: RecordDecisionRequest) => boolean): Promise<number> {
  let erased = 0;
  for (const name of await readdir(folder)) {
    if (FILE.exec(name.replace(/\.refused$/, ''))?.[1] !== tenant || !name.endsWith('.refused')) continue;
    const request = decoded(await readFile(join(folder, name)));
    if (!request || !isTheirs(request)) continue;
    await rm(join(folder, name), { force: true });
    erased += 1;
  }
  return erased;
}

function decoded(content: Uint8Array): RecordDecisionRequest | undefined {
  try {
    return RecordDecisionRequest.decode(content);
  } catch {
    return undefined;
  }
}

/** Records hold customers' messages. A volume that the platform mounted may belong to another user, who then keeps its rights. */
async function ownersOnly(folder: string): Promise<void> {
  await chmod(folder, 0o700).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    log.warn({ folder }, 'the spool folder belongs to another user, and so keeps its rights');
  });
}

async function load(folder: string, name: string, entries: SpoolEntries): Promise<void> {
  if (PART.test(name)) return rm(join(folder, name), { force: true });
  const tenant = FILE.exec(name)?.[1];
  // What else is there was set aside.
  if (!tenant) return;
  const content = await readFile(join(folder, name));
  try {
    entries.set(name, { tenant, request: RecordDecisionRequest.decode(content) });
  } catch (error) {
    log.error({ error, file: name }, 'a spooled record cannot be read and is set aside');
    await setAside(folder, name);
  }
}

/** The name appears only once the content is on disk, and the name itself is on disk when this returns. What fails leaves nothing: its caller is told that nothing was kept. */
async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  const part = `${file}.part`;
  try {
    const handle = await open(part, 'w', 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, file);
    const folder = await open(join(file, '..'), 'r');
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    for (const left of [part, file]) await rm(left, { force: true }).catch(() => {});
    throw error;
  }
}
