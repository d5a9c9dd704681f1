import type { BundleManifest, LabelSpace, Stage, TokenizerSpec } from '../../gen/replymesh/type/v1/bundle.js';
import { TEXT_FEATURES } from '../../lib/textFeatures.js';
import { NGRAM_BUCKETS } from './features.js';

/** A manifest that keeps the rules of the contract, so that what they require is there. */
export type Manifest = BundleManifest & { readonly tokenizer: TokenizerSpec };

/** Tensors that the trunk starts from, int64 (batch, tokens). */
export const TRUNK_INPUTS = ['input_ids', 'attention_mask'] as const;

/** Tensors that a space's stages may read of the text itself, beside the trunk's: byte-level tokens where the bundle has a tokenizer for them. */
export const BYTE_INPUTS = ['byte_ids', 'byte_mask'] as const;
/** And features of the text, where the manifest lists them. */
export const FEATURE_INPUTS = ['ngrams', 'ngram_counts', 'text_features'] as const;

/** What the tagger of names reads of the text itself. */
export const NAMES_INPUT = 'word_shapes';

/**
 * What a manifest says that cannot be so: names that are used but not made, files that are not declared, things that are there twice.
 * Each sentence names the field. Empty when all is well.
 */
export function contradictionsIn(manifest: Manifest): string[] {
  const trunkTensors = new Set<string>(TRUNK_INPUTS);
  return [
    ...repeated(
      'files',
      manifest.files.map((f) => f.path),
    ),
    ...repeated(
      'spaces',
      manifest.spaces.map((s) => s.name),
    ),
    ...undeclaredFiles(manifest),
    ...stages('trunk', manifest.trunk, trunkTensors),
    ...absent('embedding_tensor', manifest.embeddingTensor, trunkTensors),
    ...foreignFeatures(manifest),
    ...contradictionsInNames(manifest, trunkTensors),
    ...manifest.spaces.flatMap((space) => contradictionsInSpace(space, new Set([...trunkTensors, ...textTensors(manifest)]))),
  ];
}

const textTensors = ({ byteTokenizer, features }: Manifest): string[] => [
  ...(byteTokenizer ? BYTE_INPUTS : []),
  ...(features ? FEATURE_INPUTS : []),
];

/** A model reads numbers by their place: another list of features would be read as something else. */
function foreignFeatures({ features }: Manifest): string[] {
  if (!features) return [];
  const problems: string[] = [];
  if (features.ngramBuckets !== NGRAM_BUCKETS)
    problems.push(`features.ngram_buckets: is ${features.ngramBuckets}, this server computes ${NGRAM_BUCKETS}.`);
  if (features.text.join() !== TEXT_FEATURES.join())
    problems.push(`features.text: is ${features.text.join(', ')}, this server computes ${TEXT_FEATURES.join(', ')}.`);
  return problems;
}

function contradictionsInNames({ names }: Manifest, trunk: ReadonlySet<string>): string[] {
  if (!names) return [];
  const made = new Set([...trunk, NAMES_INPUT]);
  return [...stages('names.stage', [names.stage!], made), ...absent('names.logits_tensor', names.logitsTensor, made)];
}

function contradictionsInSpace(space: LabelSpace, made: Set<string>): string[] {
  const at = `spaces[${space.name}]`;
  const { monteCarlo, outOfScope } = space;
  const mask = monteCarlo?.maskTensor;
  const problems: string[] = [];
  if (mask !== undefined) {
    if (made.has(mask)) problems.push(`${at}.monte_carlo.mask_tensor: the trunk makes "${mask}" already.`);
    if (!space.stages.some((s) => s.inputs.includes(mask))) problems.push(`${at}.monte_carlo.mask_tensor: no stage reads "${mask}".`);
    made.add(mask);
  }
  problems.push(...stages(`${at}.stages`, space.stages, made));
  problems.push(
    ...repeated(
      `${at}.members`,
      space.members.map((m) => m.name),
    ),
  );
  for (const member of space.members) problems.push(...absent(`${at}.members[${member.name}].logits_tensor`, member.logitsTensor, made));
  if (!space.members.some((m) => m.weight > 0)) problems.push(`${at}.members: no weight is above 0, so that nothing would be pooled.`);
  if (monteCarlo) problems.push(...absent(`${at}.monte_carlo.logits_tensor`, monteCarlo.logitsTensor, made));
  if (outOfScope) {
    problems.push(...absent(`${at}.out_of_scope.logits_tensor`, outOfScope.logitsTensor, made));
    if (outOfScope.distanceTensor) problems.push(...absent(`${at}.out_of_scope.distance_tensor`, outOfScope.distanceTensor, made));
  }
  return [...problems, ...referenceProblems(`${at}.reference`, space)];
}

/** Traffic is compared with it place by place. */
function referenceProblems(at: string, { reference, labels }: LabelSpace): string[] {
  if (!reference) return [];
  const { rows, intentCounts, textFeatures, confidenceQuantiles, outOfScope } = reference;
  const sum = (counts: readonly number[]): number => counts.reduce((all, count) => all + count, 0);
  const rising = (values: readonly number[]): boolean => values.every((value, i) => i === 0 || values[i - 1]! <= value);
  const problems: string[] = [];
  if (intentCounts.length !== labels.length || sum(intentCounts) !== rows)
    problems.push(`${at}.intent_counts: must be ${labels.length} counts that add up to ${rows}.`);
  if (!rising(confidenceQuantiles)) problems.push(`${at}.confidence_quantiles: must not fall.`);
  if (outOfScope > rows) problems.push(`${at}.out_of_scope: is more than all rows.`);
  for (const { feature, edges, counts } of textFeatures) {
    if (!(TEXT_FEATURES as readonly string[]).includes(feature)) problems.push(`${at}.text_features: "${feature}" is no text feature.`);
    if (counts.length !== edges.length + 1 || sum(counts) !== rows || !rising(edges))
      problems.push(`${at}.text_features[${feature}]: must be rising edges, and one count more that add up to ${rows}.`);
  }
  return problems;
}

/** Adds to `made` what the stages make, in their order. */
function stages(at: string, list: readonly Stage[], made: Set<string>): string[] {
  const problems = repeated(
    at,
    list.map((s) => s.name),
  );
  for (const stage of list) {
    for (const name of stage.inputs) {
      if (!made.has(name)) problems.push(`${at}[${stage.name}].inputs: nothing before this stage makes "${name}".`);
    }
    for (const name of stage.outputs) {
      if (made.has(name)) problems.push(`${at}[${stage.name}].outputs: "${name}" is made already.`);
      made.add(name);
    }
  }
  return problems;
}

function undeclaredFiles(manifest: Manifest): string[] {
  const declared = new Set(manifest.files.map((f) => f.path));
  const used: [field: string, file: string][] = [
    ['tokenizer.file', manifest.tokenizer.file],
    ['tokenizer.config_file', manifest.tokenizer.configFile],
    ...(manifest.byteTokenizer
      ? ([
          ['byte_tokenizer.file', manifest.byteTokenizer.file],
          ['byte_tokenizer.config_file', manifest.byteTokenizer.configFile],
        ] satisfies [string, string][])
      : []),
    ...manifest.trunk.map((s): [string, string] => [`trunk[${s.name}].file`, s.file]),
    ...(manifest.names ? ([['names.stage.file', manifest.names.stage!.file]] satisfies [string, string][]) : []),
    ...manifest.spaces.flatMap((space) =>
      space.stages.map((s): [string, string] => [`spaces[${space.name}].stages[${s.name}].file`, s.file]),
    ),
  ];
  return used.filter(([, file]) => !declared.has(file)).map(([field, file]) => `${field}: "${file}" is not among "files".`);
}

const absent = (field: string, name: string, made: ReadonlySet<string>): string[] =>
  made.has(name) ? [] : [`${field}: no stage makes "${name}".`];

function repeated(at: string, names: readonly string[]): string[] {
  const twice = new Set(names.filter((name, i) => names.indexOf(name) !== i));
  return [...twice].map((name) => `${at}: "${name}" is there more than once.`);
}
