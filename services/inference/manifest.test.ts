import { describe, expect, it } from 'vitest';
import { BundleManifest } from '../../gen/replymesh/type/v1/bundle.js';
import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import { NGRAM_BUCKETS } from './features.js';
import { contradictionsIn, type Manifest } from './manifest.js';

/** A manifest in which all is well: two members, of which one reads byte-level tokens and one features. */
function sound(): Manifest {
  const files = [
    'tokenizer.json',
    'tokenizer_config.json',
    'byte.json',
    'byte_config.json',
    'trunk.onnx',
    'top.onnx',
    'byte.onnx',
    'heads.onnx',
  ];
  const member = (name: string, weight: number) => ({ name, logitsTensor: `support.${name}.logits`, temperature: 1, weight });
  return BundleManifest.fromPartial({
    files: files.map((path) => ({ path })),
    tokenizer: { file: 'tokenizer.json', configFile: 'tokenizer_config.json', maxTokens: 256 },
    byteTokenizer: { file: 'byte.json', configFile: 'byte_config.json', maxTokens: 256, padTokenId: 1 },
    features: { ngramBuckets: NGRAM_BUCKETS, text: [...TEXT_FEATURES] },
    trunk: [{ name: 'trunk', file: 'trunk.onnx', inputs: ['input_ids', 'attention_mask'], outputs: ['hidden', 'embedding'] }],
    embeddingTensor: 'embedding',
    spaces: [
      {
        name: 'support',
        labels: ['a', 'b'],
        stages: [
          {
            name: 'top',
            file: 'top.onnx',
            inputs: ['hidden', 'attention_mask', 'support.dropout_mask'],
            outputs: ['support.minilm.logits', 'support.mc.logits'],
          },
          { name: 'byte', file: 'byte.onnx', inputs: ['byte_ids', 'byte_mask'], outputs: ['support.roberta.logits'] },
          { name: 'heads', file: 'heads.onnx', inputs: ['embedding', 'ngrams', 'ngram_counts'], outputs: ['support.distance'] },
        ],
        members: [member('minilm', 0.5), member('roberta', 0.5)],
        monteCarlo: { maskTensor: 'support.dropout_mask', logitsTensor: 'support.mc.logits' },
        outOfScope: { logitsTensor: 'support.minilm.logits', distanceTensor: 'support.distance', distanceWeight: 1 },
      },
    ],
  }) as Manifest;
}

/** What is wrong with the manifest after a change. */
function after(change: (manifest: Manifest) => void): string[] {
  const manifest = sound();
  change(manifest);
  return contradictionsIn(manifest);
}

/** Of the two labels of the sound one. */
const reference = {
  rows: 10,
  textFeatures: [{ feature: 'words', edges: [0.1], counts: [4, 6] }],
  intentCounts: [3, 7],
  confidenceQuantiles: Array.from({ length: 101 }, (_, i) => i / 100),
  outOfScope: 1,
};

describe('a reference', () => {
  const of = (change: Partial<typeof reference>): string[] =>
    after(({ spaces }) => {
      spaces[0]!.reference = { ...reference, ...change };
    });

  it('whose counts add up is sound', () => expect(of({})).toEqual([]));

  it.each([
    [{ intentCounts: [10] }, 'intent_counts: must be 2 counts that add up to 10.'],
    [{ confidenceQuantiles: [0.5, 0.4] }, 'confidence_quantiles: must not fall.'],
    [{ outOfScope: 11 }, 'out_of_scope: is more than all rows.'],
    [{ textFeatures: [{ feature: 'colour', edges: [0.1], counts: [4, 6] }] }, '"colour" is no text feature.'],
    [{ textFeatures: [{ feature: 'words', edges: [0.1], counts: [4, 5] }] }, 'must be rising edges, and one count more that add up to 10.'],
  ])('with %j is refused', (change, problem) => expect(of(change).join()).toContain(problem));
});

describe('a manifest', () => {
  it('in which all is well has no contradiction', () => {
    expect(contradictionsIn(sound())).toEqual([]);
  });

  it.each<[what: string, change: (manifest: Manifest) => void, problems: string[]]>([
    [
      'features in another order',
      (m) => m.features!.text.reverse(),
      [`features.text: is ${[...TEXT_FEATURES].reverse().join(', ')}, this server computes ${TEXT_FEATURES.join(', ')}.`],
    ],
    [
      'buckets of another number',
      (m) => (m.features!.ngramBuckets = 4096),
      [`features.ngram_buckets: is 4096, this server computes ${NGRAM_BUCKETS}.`],
    ],
    [
      'a stage that reads features which the manifest does not list',
      (m) => (m.features = undefined),
      ['ngrams', 'ngram_counts'].map((name) => `spaces[support].stages[heads].inputs: nothing before this stage makes "${name}".`),
    ],
    ["the byte-level tokenizer's file undeclared", (m) => m.files.splice(2, 1), ['byte_tokenizer.file: "byte.json" is not among "files".']],
    [
      "the byte-level tokenizer's configuration undeclared",
      (m) => m.files.splice(3, 1),
      ['byte_tokenizer.config_file: "byte_config.json" is not among "files".'],
    ],
    [
      'a stage that reads byte-level tokens without a tokenizer for them',
      (m) => (m.byteTokenizer = undefined),
      ['byte_ids', 'byte_mask'].map((name) => `spaces[support].stages[byte].inputs: nothing before this stage makes "${name}".`),
    ],
    [
      'a trunk that reads byte-level tokens, which only spaces may',
      (m) => m.trunk[0]!.inputs.push('byte_ids'),
      ['trunk[trunk].inputs: nothing before this stage makes "byte_ids".'],
    ],
    [
      'a distance that nobody makes',
      (m) => (m.spaces[0]!.outOfScope!.distanceTensor = 'support.near'),
      ['spaces[support].out_of_scope.distance_tensor: no stage makes "support.near".'],
    ],
    [
      'a stage that makes what the text gives',
      (m) => m.spaces[0]!.stages[1]!.outputs.push('text_features'),
      ['spaces[support].stages[byte].outputs: "text_features" is made already.'],
    ],
    ['a stage undeclared', (m) => m.files.pop(), ['spaces[support].stages[heads].file: "heads.onnx" is not among "files".']],
    [
      'a stage before what it reads',
      (m) => m.spaces[0]!.stages[0]!.inputs.push('support.distance'),
      ['spaces[support].stages[top].inputs: nothing before this stage makes "support.distance".'],
    ],
    [
      'a mask that no stage reads',
      (m) => m.spaces[0]!.stages[0]!.inputs.pop(),
      ['spaces[support].monte_carlo.mask_tensor: no stage reads "support.dropout_mask".'],
    ],
    [
      'a member whose logits nobody makes',
      (m) => (m.spaces[0]!.members[1]!.logitsTensor = 'support.xgboost.logits'),
      ['spaces[support].members[roberta].logits_tensor: no stage makes "support.xgboost.logits".'],
    ],
    [
      'members of which none counts',
      (m) => {
        for (const member of m.spaces[0]!.members) member.weight = 0;
      },
      ['spaces[support].members: no weight is above 0, so that nothing would be pooled.'],
    ],
    [
      'a member twice',
      (m) => m.spaces[0]!.members.push({ ...m.spaces[0]!.members[0]! }),
      ['spaces[support].members: "minilm" is there more than once.'],
    ],
    ['an embedding that the trunk does not make', (m) => (m.embeddingTensor = 'pooled'), ['embedding_tensor: no stage makes "pooled".']],
  ])('is told of %s, by the field', (_, change, problems) => {
    expect(after(change)).toEqual(problems);
  });
});
