import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { findEnvoy } from '../envoy/binary.js';
import { cacheDir, root, settings } from './settings.js';

interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly detail: string;
}

/** One line for each thing a mesh on this machine needs, with its cure. Exit 1 when one is missing. */
export async function doctor({ json }: { json?: boolean }): Promise<number> {
  const { httpPort, grpcPort, dataDir } = settings();
  const envoy = await findEnvoy({ env: process.env, cacheDir });
  const findings: Finding[] = [
    { check: 'node', ok: true, detail: process.versions.node },
    fileFinding('compiled', join(root, 'dist', 'services', 'gateway', 'main.js'), 'Run "npm start" once.'),
    fileFinding('bundle', join(root, 'models', 'default', 'manifest.json'), 'The shipped models are missing: check out models/ again.'),
    { check: 'envoy', ok: 'path' in envoy, detail: 'path' in envoy ? 'found' : envoy.missing },
    folderFinding(dataDir),
    await portFinding('http port', httpPort, 'REPLYMESH_HTTP_PORT'),
    await portFinding('grpc port', grpcPort, 'REPLYMESH_GRPC_PORT'),
    ...(await urlFindings()),
  ];
  const ok = findings.every((f) => f.ok);
  if (json) process.stdout.write(`${JSON.stringify({ ok, findings })}\n`);
  else for (const f of findings) process.stdout.write(`${f.ok ? 'ok     ' : 'missing'} ${f.check.padEnd(12)} ${f.detail}\n`);
  return ok ? 0 : 1;
}

const fileFinding = (check: string, file: string, cure: string): Finding => ({
  check,
  ok: existsSync(file),
  detail: existsSync(file) ? 'there' : cure,
});

function folderFinding(folder: string): Finding {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return { check: 'data folder', ok: true, detail: 'can be written' };
  } catch (error) {
    return {
      check: 'data folder',
      ok: false,
      detail: `${(error as Error).message}. Set REPLYMESH_DATA_DIR to a folder that can be written.`,
    };
  }
}

const listens = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });

async function portFinding(check: string, port: number, variable: string): Promise<Finding> {
  const taken = await listens('127.0.0.1', port);
  return {
    check,
    ok: true,
    detail: taken ? `${port} is in use, by a running mesh or by something else (then set ${variable})` : `${port} is free`,
  };
}

async function urlFindings(): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const [variable, defaultPort] of [
    ['DATABASE_URL', 5432],
    ['REDIS_URL', 6379],
    ['REPLYMESH_LLM_BASE_URL', 443],
  ] as const) {
    const raw = process.env[variable];
    if (!raw) continue;
    const url = URL.canParse(raw) ? new URL(raw) : undefined;
    const ok = url !== undefined && (await listens(url.hostname, Number(url.port) || defaultPort));
    found.push({ check: variable, ok, detail: ok ? 'answers' : url ? `nothing answers at ${url.hostname}` : 'is not a URL' });
  }
  return found;
}
