import { Agent, request } from 'node:http';
import { ClientError, createChannel, createClient, Metadata, Status } from 'nice-grpc';
import { InferenceServiceDefinition } from '../gen/replymesh/inference/v1/inference_service.js';
import { Decision } from '../gen/replymesh/type/v1/decision.js';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { SUBJECT_KEY, TENANT_KEY } from '../lib/call.js';
import type { Answered, Send } from './load.js';
import { messageOf } from './messages.js';

/** What is measured: `predict` the models alone, `grpc` the gateway, `rest` the gateway through Envoy. */
export type TargetKind = 'predict' | 'grpc' | 'rest';
export interface Target {
  readonly kind: TargetKind;
  readonly port: number;
  /** For `grpc` and `rest`. */
  readonly token: string;
  readonly tenant: string;
  /** Most connections over HTTP/1.1. */
  readonly connections: number;
}
export interface OpenTarget {
  readonly send: Send;
  close(): void;
}

const CALL_MS = 15_000;
/** Customers that the messages come from, each again and again. */
const CUSTOMERS = 1000;
const requestOf = (n: number) => ({ text: messageOf(n), customerId: `cus_bench_${n % CUSTOMERS}` });

export function openTarget(target: Target): OpenTarget {
  if (target.kind === 'rest') return openRest(target);
  const channel = createChannel(`127.0.0.1:${target.port}`, undefined, { 'grpc.enable_channelz': 0 });
  const close = (): void => channel.close();
  const options = () => ({ signal: AbortSignal.timeout(CALL_MS) });
  if (target.kind === 'grpc') {
    const client = createClient(QueryServiceDefinition, channel, {
      '*': { metadata: Metadata({ authorization: `Bearer ${target.token}` }) },
    });
    return { send: async (n) => answered((await named(client.processQuery(requestOf(n), options()))).decision), close };
  }
  const client = createClient(InferenceServiceDefinition, channel, {
    '*': { metadata: Metadata({ [TENANT_KEY]: target.tenant, [SUBJECT_KEY]: 'bench' }) },
  });
  // As the gateway calls it.
  const send: Send = async (n) => {
    const { tokenCount } = await named(client.predict({ text: messageOf(n), includeEmbedding: true }, options()));
    return { degraded: false, tokens: tokenCount };
  };
  return { send, close };
}

/** Keep-alive HTTP/1.1, one request at a time on each connection. */
function openRest({ port, token, connections }: Target): OpenTarget {
  const agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const send: Send = (n) =>
    new Promise((resolve, reject) => {
      const body = JSON.stringify(requestOf(n));
      const outgoing = request(
        {
          agent,
          port,
          host: '127.0.0.1',
          method: 'POST',
          path: '/v1/queries:process',
          timeout: CALL_MS,
          headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response
            .on('data', (chunk: Buffer) => chunks.push(chunk))
            .on('error', reject)
            .on('end', () => {
              if (response.statusCode !== 200) return reject(new Error(`HTTP ${response.statusCode}`));
              const { decision } = JSON.parse(Buffer.concat(chunks).toString('utf8')) as { decision: object };
              resolve(answered(Decision.fromJSON(decision)));
            });
        },
      );
      outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time'))).on('error', reject);
      outgoing.end(body);
    });
  return { send, close: () => agent.destroy() };
}

const answered = (decision: Decision | undefined): Answered => ({
  degraded: (decision?.degraded.length ?? 1) > 0,
  timings: decision?.timings,
});

/** Failures are counted by their status, not by messages that differ from call to call. */
const named = <T>(call: Promise<T>): Promise<T> =>
  call.catch((error: unknown) => {
    throw new Error(error instanceof ClientError ? `gRPC ${Status[error.code]}` : 'no answer in time');
  });
