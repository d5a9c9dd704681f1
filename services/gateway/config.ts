import { fileURLToPath } from 'node:url';
import { declare, integer, path, target, text } from '../../lib/config.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { serverSettings } from '../../lib/server.js';

export const GatewayConfig = declare({
  ...serverSettings('127.0.0.1:50051'),
  contextTarget: target({ env: 'REPLYMESH_CONTEXT_ADDRESS', default: '127.0.0.1:50052', doc: 'Where the context service is.' }),
  inferenceTarget: target({ env: 'REPLYMESH_INFERENCE_ADDRESS', default: '127.0.0.1:50053', doc: 'Where the inference service is.' }),
  generatorTarget: target({ env: 'REPLYMESH_GENERATOR_ADDRESS', default: '127.0.0.1:50054', doc: 'Where the generator service is.' }),
  contextTimeoutMs: integer({
    env: 'REPLYMESH_CONTEXT_TIMEOUT_MS',
    min: 10,
    max: 60_000,
    default: 1500,
    doc: 'Longest wait for one call of context that a query needs. Calls that are only passed on to it wait as long as their caller does.',
  }),
  inferenceTimeoutMs: integer({
    env: 'REPLYMESH_INFERENCE_TIMEOUT_MS',
    min: 10,
    max: 60_000,
    default: 2500,
    doc: 'Longest wait for one call of inference.',
  }),
  generatorTimeoutMs: integer({
    env: 'REPLYMESH_GENERATOR_TIMEOUT_MS',
    min: 10,
    max: 600_000,
    default: 8000,
    doc: 'Longest wait for one reply.',
  }),
  jwks: text({
    env: 'REPLYMESH_JWKS',
    doc: 'JSON Web Key Set that tokens are checked with: a file or an https URL (http on loopback alone).',
  }),
  issuer: text({ env: 'REPLYMESH_JWT_ISSUER', default: 'https://replymesh.local', doc: 'Issuer that tokens must name.' }),
  audience: text({ env: 'REPLYMESH_JWT_AUDIENCE', default: 'replymesh', doc: 'Audience that tokens must name.' }),
  policyFile: path({
    env: 'REPLYMESH_POLICY_FILE',
    mustExist: true,
    default: fileURLToPath(new URL('services/gateway/policy.json', packageRoot)),
    doc: 'Policy: when a reply may be sent unseen.',
  }),
  spoolDir: path({ env: 'REPLYMESH_SPOOL_DIR', doc: 'Folder for records that context could not take yet. It must outlive the process.' }),
  spoolLimit: integer({
    env: 'REPLYMESH_SPOOL_LIMIT',
    min: 1,
    max: 1_000_000,
    default: 20_000,
    doc: 'Most records that may wait for context. When there are as many, messages that cannot be stored are refused (QUERY_NOT_ACCEPTED).',
  }),
  callsPerSecond: integer({
    env: 'REPLYMESH_CALLER_LIMIT',
    min: 1,
    max: 1_000_000,
    default: 1000,
    doc: 'Most queries a second from one caller.',
  }),
  batchConcurrency: integer({
    env: 'REPLYMESH_BATCH_CONCURRENCY',
    min: 1,
    max: 256,
    default: 16,
    doc: 'Messages of one batch stream that are answered at a time.',
  }),
});
