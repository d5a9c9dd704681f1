import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { Within } from '../../lib/call.js';
import { isUnavailable, type MeshClient } from '../../lib/client.js';
import { Fault } from '../../lib/errors.js';
import { isKnown, readKnownLabels } from './knownLabels.js';

type Inference = Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;

/** Stands in the clear for a corrected intent that is no label: whoever gives feedback may write anything there, a name or a number as well. */
const OTHER = 'other';

/** What feedback says that a message is about. */
export interface SaidLabel {
  /** A label of the message's space, or `other`; empty when nothing was said. No word of anybody. */
  readonly intent: string;
  /** The space of the label; absent where it is none. */
  readonly labelSpace?: string;
}

export const NOTHING_SAID: SaidLabel = { intent: '' };

/** Where nobody can tell whether it is a label, as while inference is away, it is taken for none: the feedback counts, and trains nothing. */
export async function saidLabel(inference: Inference, { labelSpace, decision }: Query, said: string, call: Within): Promise<SaidLabel> {
  // The models have named it themselves.
  if (labelSpace !== '' && decision?.intents.some(({ label }) => label === said)) return { intent: said, labelSpace };
  try {
    // Half of the time that is left, so that there is some to store it in.
    const deadline = new Date((Date.now() + call.deadline.getTime()) / 2);
    const known = await readKnownLabels(inference, labelSpace, { ...call, deadline });
    if (isKnown(known, said)) return { intent: said, labelSpace: known.space };
  } catch (error) {
    const isTold = isUnavailable(error) || (error instanceof Fault && error.reason === 'LABEL_SPACE_UNKNOWN');
    if (!isTold) throw error;
    call.signal.throwIfAborted();
  }
  return { intent: OTHER };
}
