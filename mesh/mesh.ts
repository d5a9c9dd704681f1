import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findEnvoy } from '../envoy/binary.js';
import { envoyCommand } from '../envoy/command.js';
import { renderEnvoyConfig } from '../envoy/render.js';
import { freePort } from '../lib/freePort.js';
import { packageRoot } from '../lib/packageRoot.js';
import { removeLeftRows } from '../lib/retrainingFolder.js';
import { openContentKey } from './contentKey.js';
import { makeDataDir } from './dataDir.js';
import { isServing } from './health.js';
import { type Identity, identityEnv, identityOf } from './identity.js';
import { type Keys, openKeys } from './keys.js';
import { requireFree } from './ports.js';
import { type Program, type Supervised, supervise } from './supervised.js';

export type ServiceName = 'context' | 'inference' | 'generator' | 'gateway';

export interface MeshOptions {
  readonly dataDir: string;
  /** 0 takes a free one. */
  readonly httpPort: number;
  readonly grpcPort: number;
  /** Variables for the services and for finding Envoy; DATABASE_URL, REDIS_URL and REPLYMESH_LLM_* go through here. */
  readonly env: Readonly<Record<string, string>>;
  /** Limits of the edge that differ from its defaults. */
  readonly edge?: { readonly ratePerSecond?: number; readonly maxBodyBytes?: number };
  readonly withEnvoy: boolean;
  readonly onOutput: (program: string, line: string) => void;
  /** Gets one line for each program that died and was started again. */
  readonly onRestart?: (line: string) => void;
  /** Gives up the start; a mesh that runs is ended by its `stop`. */
  readonly signal?: AbortSignal;
}

export interface Mesh {
  readonly httpUrl: string | undefined;
  /** Why there is no HTTP, when there is none. */
  readonly withoutHttp: string | undefined;
  readonly grpcPort: number;
  readonly metricsPorts: Readonly<Record<ServiceName, number>>;
  readonly ports: Readonly<Record<ServiceName, number>>;
  readonly keys: Keys;
  readonly identity: Identity;
  readonly programs: ReadonlyMap<ServiceName | 'envoy', Supervised>;
  stop(): Promise<void>;
}

const SERVICES: readonly ServiceName[] = ['inference', 'context', 'generator', 'gateway'];
/** The gateway first: it finishes what is in flight, for which it needs the others and the edge. Who comes meanwhile gets a typed error from the edge. */
const STOP_ORDER = ['gateway', 'envoy', 'generator', 'context', 'inference'] as const;
const root = fileURLToPath(packageRoot);
const modelsIn = (dataDir: string): string => join(dataDir, 'models');

/** Starts the four services and Envoy on loopback; when one cannot start, all others are ended again. @throws ProgramFailed, StartError, the signal's reason */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  if (options.httpPort) await requireFree(options.httpPort, 'REPLYMESH_HTTP_PORT');
  if (options.grpcPort) await requireFree(options.grpcPort, 'REPLYMESH_GRPC_PORT');
  await makeDataDir(options.dataDir);
  await removeLeftRows(options.env['REPLYMESH_MODELS_DIR'] || modelsIn(options.dataDir));
  const keys = await openKeys(options.dataDir, options.env);
  const identity = identityOf(options.env, keys);
  const contentKeyFile = options.env['REPLYMESH_CONTENT_KEY_FILE'] || (await openContentKey(options.dataDir));
  const ports = await portsFor((name) => (name === 'gateway' && options.grpcPort ? options.grpcPort : freePort()));
  const metricsPorts = await portsFor(() => freePort());
  const programs = new Map<ServiceName | 'envoy', Supervised>();
  const stop = async (): Promise<void> => {
    for (const name of STOP_ORDER) await programs.get(name)?.stop();
  };
  const failed = new AbortController();
  const givenUp = AbortSignal.any([failed.signal, ...(options.signal ? [options.signal] : [])]);
  const start = async (program: Program): Promise<void> => {
    // Nobody waits for the others once one has failed: what was started by then is stopped.
    const isReady = async (): Promise<boolean> => givenUp.aborted || (await program.isReady());
    const onOutput = (line: string): void => options.onOutput(program.name, line);
    programs.set(program.name as ServiceName | 'envoy', await supervise({ ...program, isReady }, onOutput, options.onRestart));
  };
  try {
    const env = serviceEnv(options, ports, identity, contentKeyFile);
    const startService = (name: ServiceName): Promise<void> =>
      start(serviceProgram(name, ports[name], metricsPorts[name], env)).catch((error: unknown) => failed.abort(error));
    await Promise.all(SERVICES.map(startService));
    givenUp.throwIfAborted();
    const edge = options.withEnvoy ? await startEdge(options, ports.gateway, identity, start) : { withoutHttp: 'it was not asked for' };
    givenUp.throwIfAborted();
    return {
      httpUrl: undefined,
      withoutHttp: undefined,
      ...edge,
      grpcPort: ports.gateway,
      ports,
      metricsPorts,
      keys,
      identity,
      programs,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function portsFor(choose: (name: ServiceName) => number | Promise<number>): Promise<Record<ServiceName, number>> {
  const entries: [string, number][] = [];
  for (const name of SERVICES) entries.push([name, await choose(name)]);
  return Object.fromEntries(entries) as Record<ServiceName, number>;
}

/** What the operator set goes to every service; what connects them is decided here. */
function serviceEnv(
  options: MeshOptions,
  ports: Record<ServiceName, number>,
  identity: Identity,
  contentKeyFile: string,
): Record<string, string> {
  return {
    REPLYMESH_SEED: 'on',
    REPLYMESH_SPOOL_DIR: join(options.dataDir, 'spool'),
    REPLYMESH_MODELS_DIR: modelsIn(options.dataDir),
    ...options.env,
    ...identityEnv(identity),
    REPLYMESH_CONTENT_KEY_FILE: contentKeyFile,
    REPLYMESH_DATA_DIR: options.dataDir,
    REPLYMESH_CONTEXT_ADDRESS: `127.0.0.1:${ports.context}`,
    REPLYMESH_INFERENCE_ADDRESS: `127.0.0.1:${ports.inference}`,
    REPLYMESH_GENERATOR_ADDRESS: `127.0.0.1:${ports.generator}`,
  };
}

const serviceProgram = (name: ServiceName, port: number, metricsPort: number, env: Record<string, string>): Program => ({
  name,
  command: process.execPath,
  args: ['--enable-source-maps', join(root, 'dist', 'services', name, 'main.js')],
  env: { ...env, OTEL_SERVICE_NAME: name, REPLYMESH_LISTEN: `127.0.0.1:${port}`, REPLYMESH_METRICS_ADDRESS: `127.0.0.1:${metricsPort}` },
  isReady: () => isServing(port),
});

async function startEdge(
  options: MeshOptions,
  gatewayPort: number,
  identity: Identity,
  start: (program: Program) => Promise<void>,
): Promise<{ httpUrl: string } | { withoutHttp: string }> {
  const found = await findEnvoy({ env: options.env, cacheDir: join(root, '.cache') });
  if ('missing' in found) return { withoutHttp: found.missing };
  const httpPort = options.httpPort || (await freePort());
  const file = join(options.dataDir, `envoy-${httpPort}.yaml`);
  await writeFile(
    file,
    renderEnvoyConfig({
      http: { host: '127.0.0.1', port: httpPort },
      gateway: { host: '127.0.0.1', port: gatewayPort },
      jwks: identity.keys,
      issuer: identity.issuer,
      audience: identity.audience,
      descriptorFile: join(root, 'gen', 'descriptor.binpb'),
      ...options.edge,
    }),
  );
  const httpUrl = `http://127.0.0.1:${httpPort}`;
  const isReady = (): Promise<boolean> =>
    fetch(`${httpUrl}/healthz`, { signal: AbortSignal.timeout(1000) }).then(
      (response) => response.ok,
      () => false,
    );
  await start({ name: 'envoy', ...envoyCommand(found.path, file), env: { PATH: options.env['PATH'] ?? '' }, isReady });
  return { httpUrl };
}
