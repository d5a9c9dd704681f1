import type { Interaction } from '../../gen/replymesh/type/v1/customer.js';
import { mask } from './mask.js';

/** Numbers in what another system tells of a customer are masked by their form, as in a message. Names stay: the summary is kept encrypted. */
export const maskSummary = <Q extends { readonly interaction: Interaction | undefined }, R>(
  request: Q,
  _call: unknown,
  pass: (request: Q) => Promise<R>,
): Promise<R> => {
  const { interaction } = request;
  return pass({ ...request, interaction: interaction && { ...interaction, summary: mask(interaction.summary.normalize('NFC')).text } });
};
