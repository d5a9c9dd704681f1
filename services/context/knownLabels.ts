import type { DescribeBundleResponse, InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Within } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { fail } from '../errors.js';
import { OUT_OF_SCOPE } from './reviewDraw.js';

type Inference = Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;

/** A label space as it is served. */
export interface KnownLabels {
  readonly space: string;
  /** Under which its messages are stored: also the empty one for the default space, of messages that no model has read. */
  readonly names: readonly string[];
  /** Without `out_of_scope`. */
  readonly labels: readonly string[];
  /** SHA-256 of the bundle's manifest. */
  readonly bundleDigest: string;
}

/** Labels that one message names. */
const FEW = 30;

/** What is served of a space. @param space the bundle's default when empty @throws Fault LABEL_SPACE_UNKNOWN */
export async function readKnownLabels(inference: Inference, space: string, within: Within): Promise<KnownLabels> {
  return knownLabelsIn(await inference.describeBundle({}, { within }), space);
}

/** The same of a bundle that was described already. @throws Fault LABEL_SPACE_UNKNOWN */
export function knownLabelsIn({ manifest, digest, defaultLabelSpace }: DescribeBundleResponse, space: string): KnownLabels {
  const spaces = manifest?.spaces ?? [];
  const name = space || defaultLabelSpace;
  const found = spaces.find((one) => one.name === name);
  if (!found) return fail('LABEL_SPACE_UNKNOWN', { space: name, known: spaces.map((one) => one.name).join(', ') });
  const names = name === defaultLabelSpace ? [name, ''] : [name];
  return { space: name, names, labels: found.labels, bundleDigest: digest };
}

export const isKnown = ({ labels }: KnownLabels, label: string): boolean => label === OUT_OF_SCOPE || labels.includes(label);

/** @param likely those that the models thought of, named where the space has too many @throws Fault LABEL_UNKNOWN */
export function requireKnown(known: KnownLabels, label: string, likely: readonly string[]): void {
  if (isKnown(known, label)) return;
  const { space, labels } = known;
  const choice =
    labels.length <= FEW
      ? `one of ${[...labels, OUT_OF_SCOPE].join(', ')}`
      : `one of its ${labels.length} labels, for example ${likely.join(', ') || labels.slice(0, FEW).join(', ')}, or ${OUT_OF_SCOPE}`;
  fail('LABEL_UNKNOWN', { label, space, known: choice });
}
