import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declare, type Environment, integer, loadConfig, oneOf, path } from '../lib/config.js';
import { methods } from '../lib/contract.js';
import { StartError } from '../lib/errors.js';
import { logLevel } from '../lib/log.js';
import { packageRoot } from '../lib/packageRoot.js';
import { makeDataDir } from './dataDir.js';
import { startDriftChecks } from './driftChecks.js';
import { type Mesh, startMesh } from './mesh.js';
import { requireDifferent } from './ports.js';
import { ProgramFailed } from './supervised.js';

const root = fileURLToPath(packageRoot);

export const StartConfig = declare({
  httpPort: integer({
    env: 'REPLYMESH_HTTP_PORT',
    min: 1,
    max: 65535,
    default: 8080,
    doc: 'Port of REST, gRPC and gRPC-Web through Envoy.',
  }),
  grpcPort: integer({ env: 'REPLYMESH_GRPC_PORT', min: 1, max: 65535, default: 50051, doc: 'Port of gRPC straight at the gateway.' }),
  dataDir: path({
    env: 'REPLYMESH_DATA_DIR',
    default: join(root, '.data'),
    doc: 'Folder for the embedded database, keys, spool, bundles of models and logs.',
  }),
  driftCheckMinutes: integer({
    env: 'REPLYMESH_DRIFT_CHECK_MINUTES',
    min: 0,
    max: 44_640,
    default: 1440,
    doc: 'Pause between two checks whether messages have drifted from what the models were fitted on, and how far back each looks; 0 makes none.',
  }),
  promote: oneOf({
    env: 'REPLYMESH_PROMOTE',
    values: ['off', 'auto'],
    default: 'off',
    doc: 'Whether each check of drift begins with "models promote challenger --if-better --alpha 0.01"; else somebody does it by hand.',
  }),
  logLevel,
});

/** Scopes of the token that the ready line shows: all of the public ones. */
const allScopes = (): string[] => [...new Set([...methods.values()].flatMap((m) => m.requiredScope ?? []))].sort();
const DAY_S = 86_400;

/** `npm start`: the whole mesh on embedded defaults, until Ctrl-C. @throws StartError when the data folder cannot be written */
export async function runStart(environment: Environment): Promise<void> {
  const config = loadConfig(StartConfig, environment, ['node', 'start']);
  requireDifferent(config);
  const started = Date.now();
  const env = Object.fromEntries(Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined));
  const interrupted = interruption();
  await makeDataDir(config.dataDir);
  const logFile = join(config.dataDir, 'mesh.log');
  const logStream = createWriteStream(logFile, { flags: 'a', mode: 0o600 });
  process.stderr.write('Starting context, inference, generator, gateway and Envoy …\n');
  let mesh: Mesh;
  try {
    mesh = await startMesh({
      ...config,
      // On a small scale, a challenger that somebody added is there to be compared.
      env: { REPLYMESH_SHADOW_PERCENT: '100', ...env },
      withEnvoy: env['REPLYMESH_NO_ENVOY'] !== '1',
      onOutput: (program, line) => logStream.write(`${program} ${line}\n`),
      onRestart: (line) => process.stderr.write(`${line}\n`),
      signal: interrupted,
    });
  } catch (error) {
    if (interrupted.aborted) process.exit(0);
    if (!(error instanceof ProgramFailed || error instanceof StartError)) throw error;
    process.stderr.write(`${error.message}\nNothing was left running.\n`);
    process.exit(error instanceof ProgramFailed && error.exitCode !== 78 ? 1 : 78);
  }
  process.stdout.write(readyLines(mesh, await tokenFor(mesh), (Date.now() - started) / 1000, relative(process.cwd(), logFile)));
  const checks = startDriftChecks({
    everyMinutes: config.driftCheckMinutes,
    promote: config.promote === 'auto',
    env,
    onOutput: (line) => logStream.write(`drift ${line}\n`),
  });
  if (!interrupted.aborted) await once(interrupted, 'abort');
  await checks.close();
  await mesh.stop();
  process.exit(0);
}

/** A token to paste; where the embedded key's are not taken, the name of a variable for one of the operator's identity provider. */
const tokenFor = async ({ keys, identity }: Mesh): Promise<string> =>
  identity.foreign ? '$TOKEN' : keys.sign({ subject: 'you', tenant: 'demo', scopes: allScopes(), ttlSeconds: DAY_S });

/** Aborts when the mesh is to stop. Nothing else reaches its processes: they are groups of their own. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  const stop = (): void => {
    if (!interrupted.signal.aborted) process.stderr.write('\nStopping …\n');
    interrupted.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, stop);
  return interrupted.signal;
}

function readyLines(mesh: Mesh, token: string, seconds: number, logFile: string): string {
  const { foreign, issuer, audience } = mesh.identity;
  const whose = foreign
    ? `TOKEN has to be a token of your identity provider: issuer ${issuer}, audience ${audience}, with the claims "sub", "tenant" and "scope".\n\n`
    : '';
  const body = `'{"text":"Where is my refund?","customerId":"cus_ada"}'`;
  const rest = mesh.httpUrl
    ? `REST\n  curl -s ${mesh.httpUrl}/v1/queries:process -H "authorization: Bearer ${token}" -H 'content-type: application/json' -d ${body}\n\n`
    : `No REST: ${mesh.withoutHttp}\n\n`;
  const grpc = `gRPC\n  npx buf curl --protocol grpc --http2-prior-knowledge -H "authorization: Bearer ${token}" -d ${body} http://127.0.0.1:${mesh.grpcPort}/replymesh.v1.QueryService/ProcessQuery\n`;
  return `Replymesh is ready after ${seconds.toFixed(1)} s. Ctrl-C (or SIGTERM to process ${process.pid}) stops it; its log is ${logFile}.\n\n${whose}${rest}${grpc}`;
}
