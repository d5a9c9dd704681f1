import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, readFile, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Environment } from '../lib/config.js';
import { type Finding, ill, well } from './finding.js';
import { cacheDir, root } from './settings.js';

const execute = promisify(execFile);
const MIN_NODE = [20, 19] as const;
const MIN_PYTHON = [3, 11] as const;
const MIN_FREE_GIB = 1;
const SERVICES = ['gateway', 'context', 'inference', 'generator'];

const atLeast = (version: string, [major, minor]: readonly [number, number]): boolean => {
  const [a = 0, b = 0] = version.split('.').map(Number);
  return a > major || (a === major && b >= minor);
};

export function checkNode(): Finding {
  const version = process.versions.node;
  return atLeast(version, MIN_NODE)
    ? well('node', version)
    : ill('node', `${version} is too old`, `Install Node ${MIN_NODE.join('.')} or newer.`);
}

export async function checkPython(): Promise<Finding> {
  const cure = `Install Python ${MIN_PYTHON.join('.')} or newer as python3: Envoy is fetched and models are trained with it.`;
  try {
    const { stdout } = await execute('python3', ['--version'], { timeout: 10_000 });
    const version = /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? '0';
    return atLeast(version, MIN_PYTHON) ? well('python', version) : ill('python', `${version} is too old`, cure);
  } catch {
    return ill('python', 'python3 was not found', cure);
  }
}

export async function checkCompiled(): Promise<Finding> {
  const missing: string[] = [];
  for (const name of SERVICES) if (!(await exists(join(root, 'dist', 'services', name, 'main.js')))) missing.push(name);
  return missing.length === 0
    ? well('compiled', 'all services')
    : ill('compiled', `${missing.join(', ')} not compiled`, 'Run "npm start" once.');
}

/** Reads the bundle as the inference service would: every file is there, with its size and digest. */
export async function checkBundle(env: Environment): Promise<Finding> {
  const folder = env['REPLYMESH_BUNDLE_DIR'] || join(root, 'models', 'default');
  try {
    const { openBundle } = await import('../services/inference/bundle.js');
    const { manifest, digest } = await openBundle(folder, env['REPLYMESH_DEFAULT_LABEL_SPACE'] || 'support');
    return well(
      'bundle',
      `${manifest.name} ${manifest.version}, ${manifest.files.length} files as their digests say (${digest.slice(0, 12)})`,
    );
  } catch (error) {
    return ill('bundle', (error as Error).message, 'Check out models/ again, or set REPLYMESH_BUNDLE_DIR to a bundle that is whole.');
  }
}

export async function checkEnvoy(env: Environment): Promise<Finding> {
  const { findEnvoy } = await import('../envoy/binary.js');
  const envoy = await findEnvoy({ env, cacheDir });
  return 'path' in envoy
    ? well('envoy', envoy.path)
    : ill('envoy', envoy.missing, 'Install Envoy or set ENVOY_BIN; gRPC works without it.');
}

/** Whether the folder, or the nearest that exists above it, can be written; nothing is made. */
export async function checkDataDir(dataDir: string, meshRuns: boolean): Promise<Finding> {
  const cure = 'Set REPLYMESH_DATA_DIR to a folder that can be written.';
  const there = await nearest(dataDir);
  const writable = await access(there, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
  if (!writable) return ill('data folder', `${there} cannot be written`, cure);
  const owner = await lockOwner(join(dataDir, 'context.lock'));
  if (owner === undefined || meshRuns) return well('data folder', `${dataDir}${owner === undefined ? '' : `, in use by process ${owner}`}`);
  return ill('data folder', `${dataDir} is in use by process ${owner}`, 'Stop that mesh, or set REPLYMESH_DATA_DIR to another folder.');
}

export async function checkDisk(dataDir: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(await nearest(dataDir));
  const free = (bavail * bsize) / 2 ** 30;
  const detail = `${free.toFixed(1)} GiB free`;
  return free >= MIN_FREE_GIB
    ? well('disk', detail)
    : ill('disk', detail, `Free at least ${MIN_FREE_GIB} GiB, or set REPLYMESH_DATA_DIR to another disk.`);
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

const nearest = async (path: string): Promise<string> => ((await exists(path)) || dirname(path) === path ? path : nearest(dirname(path)));

/** The living process that the lock file of the embedded database names. */
async function lockOwner(file: string): Promise<number | undefined> {
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split(' ')[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  try {
    process.kill(pid, 0);
    return pid;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? pid : undefined;
  }
}
