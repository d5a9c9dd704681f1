import type { ResolveReviewRequest, ResolveReviewResponse } from '../../gen/replymesh/v1/review_service.js';
import type { Around } from './forward.js';
import { mask } from './mask.js';

/** Numbers in what an agent writes into a reply are masked by their form, as in a message. Names stay: an agent greets by name, and the reply is kept encrypted. */
export const maskEditedReply: Around<ResolveReviewRequest, ResolveReviewResponse> = (request, _call, pass) =>
  pass({ ...request, editedReply: mask(request.editedReply.normalize('NFC')).text });
