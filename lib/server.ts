import type { ServerCredentials } from '@grpc/grpc-js';
import { type CompatServiceDefinition, createServer, type Metadata, type ServiceImplementation } from 'nice-grpc';
import { errorDetailsServerMiddleware } from 'nice-grpc-error-details';
import { prometheusServerMiddleware } from 'nice-grpc-prometheus';
import { HealthDefinition, HealthServiceImpl, HealthState } from 'nice-grpc-server-health';
import { ServerReflection, ServerReflectionService } from 'nice-grpc-server-reflection';
import { accessMiddleware } from './access.js';
import type { Call, Principal } from './call.js';
import { address, integer } from './config.js';
import { descriptorSet, type MethodContract } from './contract.js';
import { deadlineInterceptor, deadlineMiddleware } from './deadline.js';
import { drainMiddleware } from './drain.js';
import { StartError } from './errors.js';
import { MAX_CONCURRENT_STREAMS, MAX_MESSAGE_BYTES, MAX_STREAM_MS } from './limits.js';
import { log, logLevel } from './log.js';
import { serveMetrics } from './metrics.js';
import { outcomeMiddleware } from './outcome.js';
import type { Closable } from './shutdown.js';
import { tooLargeInterceptor } from './tooLarge.js';
import { answerUnknownMethods } from './unknownMethod.js';
import { validationMiddleware } from './validation.js';

/** What every service reads from the environment. */
export const serverSettings = (listen: string) => ({
  logLevel,
  listen: address({ env: 'REPLYMESH_LISTEN', default: listen, doc: 'Address that gRPC is served on.' }),
  metricsAddress: address({
    env: 'REPLYMESH_METRICS_ADDRESS',
    default: '127.0.0.1:0',
    doc: 'Address that /metrics is served on, over HTTP.',
  }),
  deadlineMs: integer({
    env: 'REPLYMESH_DEADLINE_MS',
    min: 10,
    max: 600_000,
    default: 10_000,
    doc: 'Longest time for one call, whatever its caller asks.',
  }),
  drainMs: integer({
    env: 'REPLYMESH_DRAIN_MS',
    min: 0,
    max: 600_000,
    default: 5000,
    doc: 'Time that running calls get to finish at shutdown.',
  }),
  connectionAgeMs: integer({
    env: 'REPLYMESH_CONNECTION_AGE_MS',
    min: 1000,
    max: 86_400_000,
    default: 300_000,
    doc: 'Age at which callers are sent to a new connection, so that they find new replicas. What runs on the old one finishes there.',
  }),
});
export interface ServerConfig {
  readonly listen: string;
  readonly metricsAddress: string;
  readonly deadlineMs: number;
  readonly drainMs: number;
  /** Absent where callers need not move. */
  readonly connectionAgeMs?: number;
}

/** A service implementation; each method is a `Handler`. */
export type Handlers<D extends CompatServiceDefinition> = ServiceImplementation<D, Pick<Call, 'deadline' | 'principal' | 'log'>>;
/** One method: `(request, call) => answer`, or an async generator of answers. */
export type Handler<D extends CompatServiceDefinition, M extends keyof Handlers<D>> = Handlers<D>[M];

export interface Served {
  readonly definition: CompatServiceDefinition;
  readonly handlers: Handlers<CompatServiceDefinition>;
}
export const serve = <D extends CompatServiceDefinition>(definition: D, handlers: Handlers<D>): Served => ({
  definition,
  handlers: handlers as unknown as Served['handlers'],
});

/** Says on whose behalf a call comes, or throws a `Fault`. */
export type Authenticate = (metadata: Metadata, method: MethodContract) => Promise<Principal> | Principal;

export interface RunningServer extends Closable {
  readonly port: number;
  /** Says for the health check whether this server can do its work. */
  setHealthy(healthy: boolean): void;
}

/**
 * The one way to serve: health for each service, reflection, validation from the contract, errors as `google.rpc.Status` with one `ErrorInfo`,
 * deadlines, metrics, tracing, and a drain at the end. @throws StartError when the address is taken
 */
export async function startServer(
  config: ServerConfig,
  authenticate: Authenticate,
  services: readonly Served[],
  credentials?: ServerCredentials,
): Promise<RunningServer> {
  answerUnknownMethods();
  const drain = new AbortController();
  const health = HealthState();
  const server = createServer({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CONCURRENT_STREAMS,
    ...(config.connectionAgeMs === undefined ? {} : { 'grpc.max_connection_age_ms': config.connectionAgeMs }),
    'grpc.max_connection_age_grace_ms': MAX_STREAM_MS,
    'grpc.keepalive_time_ms': 30_000,
    'grpc.keepalive_timeout_ms': 5000,
    'grpc.enable_channelz': 0,
    interceptors: [tooLargeInterceptor, deadlineInterceptor],
  } as Record<string, unknown> as object)
    .use(prometheusServerMiddleware())
    .use(errorDetailsServerMiddleware)
    .use(drainMiddleware(drain.signal))
    .use(deadlineMiddleware(config.deadlineMs, MAX_STREAM_MS))
    .use(outcomeMiddleware)
    .use(accessMiddleware(authenticate))
    .use(validationMiddleware(services.map((s) => s.definition)));
  for (const { definition, handlers } of services) server.add(definition, handlers as never);
  const known = services.map((s) => fullNameOf(s.definition));
  server.add(HealthDefinition, HealthServiceImpl(health) as never);
  server.add(ServerReflectionService, ServerReflection(descriptorSet, known) as never);

  const setHealthy = (healthy: boolean): void => {
    for (const name of ['', ...known]) health.setStatus(healthy ? 'healthy' : 'unhealthy', name);
  };
  const metrics = await serveMetrics(config.metricsAddress);
  const port = await server.listen(config.listen, credentials).catch((error: Error) => {
    throw new StartError(`Cannot listen on ${config.listen}: ${error.message}. Set REPLYMESH_LISTEN to a free address.`);
  });
  setHealthy(true);
  log.info({ port, metricsPort: metrics.port, services: known }, 'ready');
  return {
    port,
    setHealthy,
    closeMs: config.drainMs,
    close: async () => {
      setHealthy(false);
      // shutdown() waits for ever while a stream is open, so that streams are told to end, and a timer ends what does not.
      const streams = setTimeout(() => drain.abort(), config.drainMs / 2);
      const force = setTimeout(() => server.forceShutdown(), config.drainMs);
      await server.shutdown();
      clearTimeout(streams);
      clearTimeout(force);
      await metrics.close();
    },
  };
}

/** `replymesh.v1.QueryService` of a ts-proto definition. */
function fullNameOf(definition: CompatServiceDefinition): string {
  const { fullName } = definition as { fullName?: unknown };
  if (typeof fullName !== 'string') throw new Error('A service definition without fullName was not made by ts-proto.');
  return fullName;
}
