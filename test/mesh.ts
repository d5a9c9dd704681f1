import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createChannel, createClient, Metadata } from 'nice-grpc';
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
import { methods } from '../lib/contract.js';
import { type Mesh, type MeshOptions, startMesh } from '../mesh/mesh.js';

export interface TestMesh {
  readonly mesh: Mesh;
  readonly token: string;
  readonly queries: Client<typeof QueryServiceDefinition>;
  readonly knowledge: Client<typeof KnowledgeServiceDefinition>;
  readonly feedback: Client<typeof FeedbackServiceDefinition>;
  readonly reviews: Client<typeof ReviewServiceDefinition>;
  readonly training: Client<typeof TrainingServiceDefinition>;
  readonly models: Client<typeof ModelServiceDefinition>;
  readonly monitoring: Client<typeof ModelMonitoringServiceDefinition>;
  readonly audit: Client<typeof AuditServiceDefinition>;
  readonly customers: Client<typeof CustomerServiceDefinition>;
  readonly analytics: Client<typeof AnalyticsServiceDefinition>;
  readonly dataDir: string;
  readonly output: string[];
  /** Metadata with a token of this tenant and these scopes. */
  as(tenant: string, scopes?: readonly string[]): Promise<{ metadata: Metadata }>;
  /** One REST call through Envoy. */
  rest(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; json: never; headers: Headers }>;
  stop(): Promise<void>;
}

export const ALL_SCOPES: readonly string[] = [...new Set([...methods.values()].flatMap((m) => m.requiredScope ?? []))];

const surroundings = { PATH: process.env['PATH'] ?? '', ...(process.env['ENVOY_BIN'] ? { ENVOY_BIN: process.env['ENVOY_BIN'] } : {}) };

/** The whole mesh as real processes on free ports, in a data folder of its own, with the embedded stores. */
export async function startTestMesh(options: Partial<MeshOptions> = {}): Promise<TestMesh> {
  const dataDir = await mkdtemp(join(tmpdir(), 'replymesh-'));
  const output: string[] = [];
  const mesh = await startMesh({
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    withEnvoy: process.env['REPLYMESH_NO_ENVOY'] !== '1',
    onOutput: (program, line) => void output.push(`${program} ${line}`),
    ...options,
    env: { ...surroundings, REPLYMESH_LOG_LEVEL: 'info', ...options.env },
  });
  const token = await mesh.keys.sign({ subject: 'test', tenant: 'demo', scopes: ALL_SCOPES, ttlSeconds: 600 });
  const channel = createChannel(`127.0.0.1:${mesh.grpcPort}`, undefined, { 'grpc.enable_channelz': 0 });
  const authorized = { '*': { metadata: Metadata({ authorization: `Bearer ${token}` }) } };
  return {
    mesh,
    token,
    dataDir,
    output,
    queries: createClient(QueryServiceDefinition, channel, authorized),
    knowledge: createClient(KnowledgeServiceDefinition, channel, authorized),
    feedback: createClient(FeedbackServiceDefinition, channel, authorized),
    reviews: createClient(ReviewServiceDefinition, channel, authorized),
    training: createClient(TrainingServiceDefinition, channel, authorized),
    models: createClient(ModelServiceDefinition, channel, authorized),
    monitoring: createClient(ModelMonitoringServiceDefinition, channel, authorized),
    audit: createClient(AuditServiceDefinition, channel, authorized),
    customers: createClient(CustomerServiceDefinition, channel, authorized),
    analytics: createClient(AnalyticsServiceDefinition, channel, authorized),
    as: async (tenant, scopes = ALL_SCOPES) => ({
      metadata: Metadata({ authorization: `Bearer ${await mesh.keys.sign({ subject: 'test', tenant, scopes, ttlSeconds: 600 })}` }),
    }),
    rest: async (method, path, body, headers = {}) => {
      const response = await fetch(`${mesh.httpUrl}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
      return { status: response.status, json: (await response.json()) as never, headers: response.headers };
    },
    stop: async () => {
      channel.close();
      await mesh.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
