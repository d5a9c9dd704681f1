import type { SubmitFeedbackRequest, SubmitFeedbackResponse } from '../../gen/replymesh/v1/feedback_service.js';
import type { Around } from './forward.js';
import { mask } from './mask.js';

/** As long as the field may be. */
const MOST = 128;

/** A corrected intent is a label, but may be any words. Numbers and addresses in it are masked by their form, as in a message. */
export const maskFeedback: Around<SubmitFeedbackRequest, SubmitFeedbackResponse> = (request, _call, pass) =>
  pass({ ...request, correctedIntent: shortened(mask(request.correctedIntent.normalize('NFC')).text) });

/** A mask may be longer than what it stands for. */
const shortened = (text: string): string => [...text].slice(0, MOST).join('');
