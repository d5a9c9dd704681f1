import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { declare, integer, oneOf, path, text } from '../../lib/config.js';
import { packageRoot } from '../../lib/packageRoot.js';
import { serverSettings } from '../../lib/server.js';

export const InferenceConfig = declare({
  ...serverSettings('127.0.0.1:50053'),
  bundleDir: path({
    env: 'REPLYMESH_BUNDLE_DIR',
    mustExist: true,
    default: fileURLToPath(new URL('models/default', packageRoot)),
    doc: 'Folder of the bundle, with manifest.json, that is served where the models folder names no other.',
  }),
  modelsDir: path({
    env: 'REPLYMESH_MODELS_DIR',
    optional: true,
    doc: 'Folder of further bundles and of the name of the one to serve; replicas may share it. Only REPLYMESH_BUNDLE_DIR is served when not set.',
  }),
  modelsPollMs: integer({
    env: 'REPLYMESH_MODELS_POLL_MS',
    min: 50,
    max: 3_600_000,
    default: 1000,
    doc: 'Pause between two looks whether the models folder names another bundle.',
  }),
  defaultLabelSpace: text({ env: 'REPLYMESH_DEFAULT_LABEL_SPACE', default: 'support', doc: 'Label space of requests that name none.' }),
  workers: integer({
    env: 'REPLYMESH_INFERENCE_WORKERS',
    min: 1,
    max: 256,
    default: availableParallelism(),
    defaultDoc: 'one for each core',
    doc: 'Threads that run the models; each takes one core and a copy of the sessions.',
  }),
  maxBatch: integer({ env: 'REPLYMESH_INFERENCE_MAX_BATCH', min: 1, max: 256, default: 16, doc: 'Most texts that run together.' }),
  maxQueued: integer({
    env: 'REPLYMESH_INFERENCE_MAX_QUEUED',
    min: 1,
    max: 100_000,
    default: 1024,
    doc: 'Most texts that wait; more are refused.',
  }),
  shadowPercent: integer({
    env: 'REPLYMESH_SHADOW_PERCENT',
    min: 0,
    max: 100,
    default: 0,
    defaultDoc: '`0`; `npm start` sets 100',
    doc: 'Percentage of the messages that a challenger of the models folder reads beside the champion, after the answer. Each replica then has it in memory, with one thread of its own. 0 reads none.',
  }),
  cache: oneOf({
    env: 'REPLYMESH_CACHE',
    values: ['on', 'off'],
    default: 'on',
    doc: 'Whether answers are kept and given again to the same request.',
  }),
  cacheMegabytes: integer({
    env: 'REPLYMESH_INFERENCE_CACHE_MB',
    min: 1,
    max: 65_536,
    default: 64,
    doc: 'Most memory for kept answers, in MiB.',
  }),
});
