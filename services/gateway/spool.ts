import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Gauge } from 'prom-client';
import { RecordDecisionRequest } from '../../gen/replymesh/context/v1/context_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import { StartError } from '../../lib/errors.js';
import { log } from '../../lib/log.js';
import { registry } from '../../lib/metrics.js';

/** A record that waits on disk until context takes it. */
export interface Spooled {
  readonly tenant: string;
  readonly request: RecordDecisionRequest;
}

export interface Spool {
  /** Returns once the record is on disk (fsync). */
  put(entry: Spooled): Promise<void>;
  byRequestId(tenant: string, requestId: string): Spooled | undefined;
  byId(tenant: string, id: string): Query | undefined;
  close(): Promise<void>;
}

const waiting = new Gauge({ name: 'spooled_records', help: 'Records that wait on the gateway’s disk for context.', registers: [registry] });
const RETRY_MS = 500;
const FILE = /^([a-z0-9-]+)\.(qry_[0-9a-f-]+)\.record$/;

/**
 * One file for each record in `folder`, named by tenant and query id, drained oldest first through `deliver`, which must be idempotent by id.
 * `deliver` resolves to false when the store cannot be reached; a record that the store refuses for good is set aside as `*.refused` for a person.
 * @throws StartError when the folder cannot be used
 */
export async function openSpool(folder: string, deliver: (entry: Spooled) => Promise<'stored' | 'later' | 'refused'>): Promise<Spool> {
  const entries = new Map<string, Spooled>();
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of (await readdir(folder)).sort()) await load(folder, name, entries);
  } catch (error) {
    throw new StartError(
      `The spool folder ${folder} cannot be used: ${(error as Error).message}. Set REPLYMESH_SPOOL_DIR to a folder that can be written.`,
    );
  }
  waiting.set(entries.size);

  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let draining: Promise<void> | undefined;
  const drain = async (): Promise<void> => {
    for (const [name, entry] of entries) {
      if (closed) return;
      const outcome = await deliver(entry);
      if (outcome === 'later') return;
      if (outcome === 'refused') await rename(join(folder, name), join(folder, `${name}.refused`));
      else await rm(join(folder, name), { force: true });
      entries.delete(name);
      waiting.set(entries.size);
      log.info({ query_id: entry.request.query?.id, outcome }, 'drained a spooled record');
    }
  };
  const tick = (): void => {
    if (closed || entries.size === 0 || timer) return;
    timer = setTimeout(() => {
      draining = drain()
        .catch((error: unknown) => log.error({ error }, 'the spool could not be drained'))
        .finally(() => {
          timer = undefined;
          tick();
        });
    }, RETRY_MS);
  };
  tick();

  return {
    put: async (entry) => {
      const name = `${entry.tenant}.${entry.request.query!.id}.record`;
      await writeDurably(join(folder, name), RecordDecisionRequest.encode(entry.request).finish());
      entries.set(name, entry);
      waiting.set(entries.size);
      tick();
    },
    byRequestId: (tenant, requestId) => [...entries.values()].find((e) => e.tenant === tenant && e.request.query?.requestId === requestId),
    byId: (tenant, id) => entries.get(`${tenant}.${id}.record`)?.request.query,
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await draining;
    },
  };
}

async function load(folder: string, name: string, entries: Map<string, Spooled>): Promise<void> {
  const tenant = FILE.exec(name)?.[1];
  // A name that does not fit is a half-written file of a crash (its caller got no answer) or one set aside.
  if (tenant) entries.set(name, { tenant, request: RecordDecisionRequest.decode(await readFile(join(folder, name))) });
}

/** The name appears only once the content is on disk, and the name itself is on disk when this returns. */
async function writeDurably(file: string, content: Uint8Array): Promise<void> {
  const part = `${file}.part`;
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
}
