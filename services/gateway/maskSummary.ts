import type { Interaction } from '../../gen/replymesh/type/v1/customer.js';
import { mask } from './mask.js';

/** As long as the field may be. */
const MOST = 1000;

/** Numbers in what another system tells of a customer are masked by their form, as in a message. Names stay: the summary is kept encrypted. */
export const maskSummary = <Q extends { readonly interaction: Interaction | undefined }, R>(
  request: Q,
  _call: unknown,
  pass: (request: Q) => Promise<R>,
): Promise<R> => {
  const { interaction } = request;
  return pass({ ...request, interaction: interaction && { ...interaction, summary: masked(interaction.summary) } });
};

/** A mask may be longer than what it stands for. */
const masked = (text: string): string => [...mask(text.normalize('NFC')).text].slice(0, MOST).join('');
