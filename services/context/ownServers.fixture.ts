import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { freePort } from '../../lib/freePort.js';
import { until } from './context.fixture.js';

/** A server that a test may kill: nobody else uses it. */
export interface OwnServer {
  readonly url: string;
  /** SIGKILL to it and to every process that it has started. */
  kill(): Promise<void>;
  /** Starts it again on what it left on the disk, and returns once it answers. */
  start(): Promise<void>;
  close(): Promise<void>;
}

const PACKAGES = '/usr/lib/postgresql';
const packaged = existsSync(PACKAGES) ? readdirSync(PACKAGES).map((version) => join(PACKAGES, version, 'bin')) : [];
const folders = [...packaged, ...(process.env['PATH'] ?? '').split(delimiter)];
const folderOf = (...programs: string[]): string | undefined =>
  folders.find((folder) => programs.every((program) => existsSync(join(folder, program))));

const postgresBin = folderOf('postgres', 'initdb');
const redisBin = folderOf('redis-server');
/** Whose programs are there. A suite that is left out says so in its name. */
export const has = { postgres: postgresBin !== undefined, redis: redisBin !== undefined };

/** Postgres refuses to run as root: then it runs as its own user, or as nobody. */
function plainUser(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody') ?? [];
  return { uid: Number(uid), gid: Number(gid) };
}

/** Of Postgres each connection is a process in a group of its own. */
const childrenOf = (parent: number): number[] =>
  execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, ppid]) => (ppid === parent && pid !== undefined ? [pid] : []));

async function killAll(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = once(server, 'close');
  const pids = [server.pid as number, ...childrenOf(server.pid as number)];
  for (const pid of pids)
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  await ended;
}

/** Starts what `launch` starts until `answers`: the first try may meet what the killed one still holds. */
async function startedUntil(launch: () => ChildProcess, answers: () => Promise<boolean>): Promise<ChildProcess> {
  let server = launch();
  await until(async () => {
    if (server.exitCode !== null || server.signalCode !== null) server = launch();
    return answers();
  });
  return server;
}

function serverIn(folder: string, url: string, launch: () => ChildProcess, answers: () => Promise<boolean>): OwnServer {
  let server: ChildProcess | undefined;
  const kill = async () => server && killAll(server);
  return {
    url,
    kill: async () => void (await kill()),
    start: async () => void (server = await startedUntil(launch, answers)),
    close: async () => {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A cluster of the test's own, with fsync and commits that are waited for, as in production. */
export async function ownPostgres(): Promise<OwnServer> {
  const folder = mkdtempSync(join(tmpdir(), 'replymesh-postgres-'));
  const as = plainUser();
  if (as.uid !== undefined && as.gid !== undefined) chownSync(folder, as.uid, as.gid);
  const data = join(folder, 'data');
  const made = spawnSync(join(postgresBin!, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-sync'], {
    ...as,
    cwd: folder,
    encoding: 'utf8',
  });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: folder, shared_buffers: '64MB', max_connections: '40' };
  const args = ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const server = serverIn(
    folder,
    url,
    () => spawn(join(postgresBin!, 'postgres'), args, { ...as, cwd: folder, stdio: 'ignore' }),
    async () => {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
      client.on('error', () => {});
      try {
        await client.connect();
        return true;
      } catch {
        return false;
      } finally {
        await client.end().catch(() => {});
      }
    },
  );
  await server.start();
  return server;
}

/** A Redis of the test's own that keeps on disk only what `save` writes: killed and started again, it has the contents of then. */
export async function ownRedis(): Promise<OwnServer & { save(): Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'replymesh-redis-'));
  const port = await freePort();
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const asked = async (command: 'ping' | 'save'): Promise<boolean> => {
    const redis = new Redis(port, '127.0.0.1', { lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => {});
    try {
      await redis.connect();
      await redis[command]();
      return true;
    } catch {
      return false;
    } finally {
      redis.disconnect();
    }
  };
  const server = serverIn(
    folder,
    `redis://127.0.0.1:${port}`,
    () => spawn(join(redisBin!, 'redis-server'), args, { stdio: 'ignore' }),
    () => asked('ping'),
  );
  await server.start();
  return { ...server, save: () => until(() => asked('save')) };
}
