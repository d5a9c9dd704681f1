import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { type Metadata, ServerError, Status } from 'nice-grpc';
import { AnalyticsServiceDefinition } from '../gen/replymesh/v1/analytics_service.js';
import { AuditServiceDefinition } from '../gen/replymesh/v1/audit_service.js';
import { CustomerServiceDefinition } from '../gen/replymesh/v1/customer_service.js';
import { FeedbackServiceDefinition } from '../gen/replymesh/v1/feedback_service.js';
import { KnowledgeServiceDefinition } from '../gen/replymesh/v1/knowledge_service.js';
import { ModelMonitoringServiceDefinition } from '../gen/replymesh/v1/model_monitoring_service.js';
import { ModelServiceDefinition } from '../gen/replymesh/v1/model_service.js';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { ReviewServiceDefinition } from '../gen/replymesh/v1/review_service.js';
import { TrainingServiceDefinition } from '../gen/replymesh/v1/training_service.js';
import { freePort } from '../lib/freePort.js';
import { packageRoot } from '../lib/packageRoot.js';
import { type Handlers, serve, startServer } from '../lib/server.js';
import { findEnvoy } from './binary.js';
import { envoyCommand } from './command.js';
import { type EdgeParameters, renderEnvoyConfig } from './render.js';

export const ISSUER = 'https://issuer.test';
export const AUDIENCE = 'replymesh';
const root = fileURLToPath(packageRoot);

/** Methods of the public services that a test answers itself; the others are UNIMPLEMENTED. */
export interface Answers {
  readonly query?: Partial<Handlers<typeof QueryServiceDefinition>>;
  readonly knowledge?: Partial<Handlers<typeof KnowledgeServiceDefinition>>;
  readonly feedback?: Partial<Handlers<typeof FeedbackServiceDefinition>>;
  readonly models?: Partial<Handlers<typeof ModelServiceDefinition>>;
  readonly audit?: Partial<Handlers<typeof AuditServiceDefinition>>;
  readonly customers?: Partial<Handlers<typeof CustomerServiceDefinition>>;
  readonly reviews?: Partial<Handlers<typeof ReviewServiceDefinition>>;
  readonly training?: Partial<Handlers<typeof TrainingServiceDefinition>>;
  readonly monitoring?: Partial<Handlers<typeof ModelMonitoringServiceDefinition>>;
  readonly analytics?: Partial<Handlers<typeof AnalyticsServiceDefinition>>;
}

export interface TestEdge {
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** A token that the edge takes, or one that differs from it. */
  token(differences?: TokenDifferences): Promise<string>;
  /** One call over HTTP with a good token. */
  rest(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Metadata of each call that reached the upstream, oldest first. */
  readonly seen: Metadata[];
  /** What stands between Envoy and the upstream. */
  readonly wire: Wire;
  /** Lines that Envoy wrote to stdout and stderr. */
  readonly output: string[];
  close(): Promise<void>;
}

export interface TokenDifferences {
  readonly issuer?: string;
  readonly audience?: string;
  readonly expiresAt?: Date;
  readonly alg?: 'none';
  readonly key?: CryptoKey;
}

/** Starts an upstream like the gateway and the real Envoy in front of it. */
export async function startEdge(answers: Answers = {}, parameters: Partial<EdgeParameters> = {}): Promise<TestEdge> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-'));
  const closing: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const seen: Metadata[] = [];
    const upstream = await startUpstream(answers, seen);
    closing.push(() => upstream.close());
    const wire = await startWire(upstream.port);
    closing.push(() => wire.cut());
    const keys = await makeKeys();
    const jwksFile = join(folder, 'jwks.json');
    await writeFile(jwksFile, keys.jwks);
    const port = await freePort();
    const envoy = await startEnvoy(folder, {
      http: { host: '127.0.0.1', port },
      gateway: { host: '127.0.0.1', port: wire.port },
      jwks: { file: jwksFile },
      issuer: ISSUER,
      audience: AUDIENCE,
      descriptorFile: join(root, 'gen', 'descriptor.binpb'),
      ...parameters,
    });
    closing.push(envoy.close);
    const url = `http://127.0.0.1:${port}`;
    const good = await keys.token();
    const rest: TestEdge['rest'] = (method, path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method,
        headers: { authorization: `Bearer ${good}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
    return { url, port, folder, token: keys.token, rest, seen, wire, output: envoy.output, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function startUpstream(answers: Answers, seen: Metadata[]) {
  const config = { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 20_000, drainMs: 0 };
  const principal = { tenant: 'demo', subject: 'test', scopes: new Set<string>() };
  const authenticate = (metadata: Metadata) => {
    seen.push(metadata);
    return principal;
  };
  return startServer(config, authenticate, [
    serve(QueryServiceDefinition, withDefaults(QueryServiceDefinition, answers.query)),
    serve(KnowledgeServiceDefinition, withDefaults(KnowledgeServiceDefinition, answers.knowledge)),
    serve(FeedbackServiceDefinition, withDefaults(FeedbackServiceDefinition, answers.feedback)),
    serve(ModelServiceDefinition, withDefaults(ModelServiceDefinition, answers.models)),
    serve(AuditServiceDefinition, withDefaults(AuditServiceDefinition, answers.audit)),
    serve(CustomerServiceDefinition, withDefaults(CustomerServiceDefinition, answers.customers)),
    serve(ReviewServiceDefinition, withDefaults(ReviewServiceDefinition, answers.reviews)),
    serve(TrainingServiceDefinition, withDefaults(TrainingServiceDefinition, answers.training)),
    serve(ModelMonitoringServiceDefinition, withDefaults(ModelMonitoringServiceDefinition, answers.monitoring)),
    serve(AnalyticsServiceDefinition, withDefaults(AnalyticsServiceDefinition, answers.analytics)),
  ]);
}

const unanswered = (): never => {
  throw new ServerError(Status.UNIMPLEMENTED, 'not part of this test');
};
const withDefaults = <D extends { methods: object }>(definition: D, own: object = {}): never =>
  ({ ...Object.fromEntries(Object.keys(definition.methods).map((name) => [name, unanswered])), ...own }) as never;

async function makeKeys(): Promise<{ jwks: string; token: TestEdge['token'] }> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(pair.publicKey)), kid: 'test', alg: 'ES256', use: 'sig' };
  const token = async ({ issuer, audience, expiresAt, alg, key }: TokenDifferences = {}): Promise<string> => {
    const claims = new SignJWT({ tenant: 'demo', scope: '' })
      .setProtectedHeader({ alg: 'ES256', kid: 'test' })
      .setIssuer(issuer ?? ISSUER)
      .setAudience(audience ?? AUDIENCE)
      .setSubject('test')
      .setIssuedAt()
      .setExpirationTime(expiresAt ?? '10m');
    const signed = await claims.sign(key ?? pair.privateKey);
    if (alg !== 'none') return signed;
    return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${signed.split('.')[1]}.`;
  };
  return { jwks: JSON.stringify({ keys: [jwk] }), token };
}

/** TCP between Envoy and the upstream. */
export interface Wire {
  readonly port: number;
  /** Connections stay, but nothing more comes through them, as when a process hangs. */
  hold(): void;
  /** Connections end and new ones are refused, as when a process is killed. */
  cut(): Promise<void>;
  /** After `cut`. */
  mend(): Promise<void>;
}

async function startWire(target: number): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((near) => {
    const far = connectTcp(target, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
      from.pipe(to);
    }
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  await listen(0);
  const { port } = server.address() as { port: number };
  return {
    port,
    hold: () => {
      for (const socket of sockets) socket.unpipe();
    },
    mend: () => listen(port),
    cut: async () => {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

async function startEnvoy(folder: string, parameters: EdgeParameters): Promise<{ output: string[]; close(): Promise<void> }> {
  const found = await findEnvoy({ env: process.env, cacheDir: join(root, '.cache') });
  if ('missing' in found)
    throw new Error(`${found.missing} The edge is tested with the real one; REPLYMESH_NO_ENVOY=1 leaves its tests out.`);
  const configFile = join(folder, 'envoy.yaml');
  await writeFile(configFile, renderEnvoyConfig(parameters));
  const { command, args } = envoyCommand(found.path, configFile);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const input of [child.stdout, child.stderr]) createInterface({ input }).on('line', (line) => output.push(line));
  const close = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  try {
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`Envoy ended: ${output.join('\n')}`);
      return (await fetch(`http://127.0.0.1:${parameters.http.port}/healthz`).catch(() => undefined))?.ok ?? false;
    });
  } catch (error) {
    await close();
    throw error;
  }
  return { output, close };
}

/** Waits until something holds; the test's own time limit ends the wait. */
export async function until(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
