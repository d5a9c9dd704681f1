import type { CreateInteractionRequest, CreateInteractionResponse } from '../../gen/replymesh/v1/customer_service.js';
import type { Around } from './forward.js';
import { mask } from './mask.js';

/** Numbers in what another system tells of a customer are masked by their form, as in a message. Names stay: the summary is kept encrypted. */
export const maskSummary: Around<CreateInteractionRequest, CreateInteractionResponse> = ({ interaction, ...request }, _call, pass) =>
  pass({ ...request, interaction: interaction && { ...interaction, summary: mask(interaction.summary.normalize('NFC')).text } });
