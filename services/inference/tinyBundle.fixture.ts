import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SHIPPED } from './inference.fixture.js';
import { constant, input, node, onnxModel, output } from './onnxGraph.fixture.js';

const WIDTH = 384;
const LABELS = ['cancel_order', 'get_refund', 'track_refund'];

export interface TinyBundle {
  /** What makes it another bundle than the next. */
  readonly version?: string;
  /** What makes its encoder another one. */
  readonly encoder?: number;
}

/** Writes a bundle that is right in every way, is opened in a moment and understands nothing. @returns its folder */
export async function writeTinyBundle(folder: string, { version = '1.0.0', encoder = 1 }: TinyBundle = {}): Promise<string> {
  const contents: Record<string, Uint8Array> = {
    'MODEL_CARD.md': Buffer.from('A bundle for tests.\n'),
    'tokenizer.json': await readFile(join(SHIPPED, 'tokenizer.json')),
    'tokenizer_config.json': await readFile(join(SHIPPED, 'tokenizer_config.json')),
    'trunk.onnx': trunk(encoder),
    'heads.onnx': heads(),
  };
  await mkdir(folder, { recursive: true });
  for (const [path, content] of Object.entries(contents)) await writeFile(join(folder, path), content);
  const files = Object.entries(contents).map(([path, content]) => ({
    path,
    sizeBytes: String(content.length),
    sha256: createHash('sha256').update(content).digest('hex'),
  }));
  await writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...MANIFEST, version, files }));
  return folder;
}

const MANIFEST = {
  format: 'replymesh.bundle/1',
  name: 'tiny',
  createTime: '2026-11-24T00:00:00Z',
  tokenizer: { file: 'tokenizer.json', configFile: 'tokenizer_config.json', maxTokens: 64, padTokenId: 0 },
  trunk: [{ name: 'trunk', file: 'trunk.onnx', inputs: ['input_ids', 'attention_mask'], outputs: ['embedding'] }],
  embeddingTensor: 'embedding',
  embeddingWidth: WIDTH,
  spaces: [
    {
      name: 'support',
      labels: LABELS,
      stages: [{ name: 'heads', file: 'heads.onnx', inputs: ['embedding'], outputs: ['support.logits'] }],
      members: [{ name: 'line', kind: 'MODEL_KIND_LOGISTIC_REGRESSION', logitsTensor: 'support.logits', temperature: 1, weight: 1 }],
      metrics: { 'test.accuracy': 0.34 },
    },
  ],
};

/** The sum of a wave for each token, of unit length. */
function trunk(encoder: number): Uint8Array {
  const waves = Float32Array.from({ length: WIDTH }, (_, i) => 0.1 + (i * encoder) / WIDTH);
  return onnxModel(
    node('Cast', ['input_ids'], 'ids', { to: 1 }),
    node('Unsqueeze', ['ids', 'last'], 'column'),
    node('Mul', ['column', 'waves'], 'angles'),
    node('Sin', ['angles'], 'sines'),
    node('Cast', ['attention_mask'], 'mask', { to: 1 }),
    node('Unsqueeze', ['mask', 'last'], 'mask_column'),
    node('Mul', ['sines', 'mask_column'], 'kept'),
    node('ReduceSum', ['kept', 'tokens'], 'sum', { keepdims: 0 }),
    node('LpNormalization', ['sum'], 'embedding', { axis: 1, p: 2 }),
    constant('last', [1], BigInt64Array.of(2n)),
    constant('tokens', [1], BigInt64Array.of(1n)),
    constant('waves', [WIDTH], waves),
    input('input_ids', 'int64', ['batch', 'tokens']),
    input('attention_mask', 'int64', ['batch', 'tokens']),
    output('embedding', ['batch', WIDTH]),
  );
}

function heads(): Uint8Array {
  const weights = Float32Array.from({ length: WIDTH * LABELS.length }, (_, i) => 4 * Math.sin(7 * i));
  return onnxModel(
    node('MatMul', ['embedding', 'weights'], 'support.logits'),
    constant('weights', [WIDTH, LABELS.length], weights),
    input('embedding', 'float', ['batch', WIDTH]),
    output('support.logits', ['batch', LABELS.length]),
  );
}
