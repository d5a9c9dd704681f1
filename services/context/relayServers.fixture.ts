import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '../../lib/freePort.js';
import { packageRoot } from '../../lib/packageRoot.js';

const LOCK = fileURLToPath(new URL('services/context/relayServers.lock', packageRoot));
const FOLDER = fileURLToPath(new URL('.cache/venv-relay-servers', packageRoot));
/** Written last: an environment without it, or with another lock in it, is made anew. */
const INSTALLED = join(FOLDER, 'installed.lock');
const execute = promisify(execFile);

/** How long the first start may take, which makes the environment. */
export const SERVERS_START_MS = 900_000;

async function python(): Promise<string> {
  const found = join(FOLDER, 'bin', 'python');
  const lock = await readFile(LOCK, 'utf8');
  if ((await readFile(INSTALLED, 'utf8').catch(() => '')) === lock) return found;
  await execute('python3', ['-m', 'venv', '--clear', FOLDER]);
  await execute(found, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', LOCK]);
  await writeFile(INSTALLED, lock);
  return found;
}

const running = new Set<ChildProcess>();
/** MLflow's server has children: the whole group ends. */
const killGroup = ({ pid }: ChildProcess): boolean => process.kill(-(pid as number), 'SIGKILL');
process.on('exit', () => running.forEach(killGroup));

/** A real server that tests can take away and bring back, at the same address. */
export interface RelayServer {
  readonly port: number;
  readonly url: string;
  /** kill -9, as of a machine that goes away. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

async function serverOf(args: (port: number) => string[], readyPath: string, env: Record<string, string> = {}): Promise<RelayServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const [command = '', ...rest] = [await python(), ...args(port)];
    const started = spawn(command, rest, { detached: true, stdio: 'ignore', env: { PATH: process.env['PATH'] ?? '', ...env } });
    child = started;
    running.add(started);
    while (
      !(await fetch(`${url}${readyPath}`).then(
        (answer) => answer.ok,
        () => false,
      ))
    ) {
      if (started.exitCode !== null) throw new Error(`${args(port).join(' ')} ended with ${started.exitCode}.`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || !running.delete(child)) return;
    const gone = once(child, 'exit');
    killGroup(child);
    await gone;
  };
  await start();
  return { port, url, start, kill, close: kill };
}

/** DynamoDB, S3, EventBridge and SQS in one, in memory. */
export const startMoto = (): Promise<RelayServer> =>
  serverOf((port) => ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], '/moto-api/');

/** MLflow's tracking server on a database of its own, which outlives a kill. */
export async function startMlflow(): Promise<RelayServer> {
  const folder = await mkdtemp(join(tmpdir(), 'replymesh-mlflow-'));
  const server = await serverOf(
    (port) => [
      ...['-m', 'mlflow', 'server', '--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${folder}/mlflow.db`, '--artifacts-destination', folder],
    ],
    '/health',
    { MLFLOW_SERVER_ENABLE_JOB_EXECUTION: 'false', MLFLOW_DISABLE_TELEMETRY: 'true' },
  );
  return {
    ...server,
    close: async () => {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
