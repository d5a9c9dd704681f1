import type { ResolveReviewRequest, ResolveReviewResponse } from '../../gen/replymesh/v1/review_service.js';
import type { Around } from './forward.js';
import { mask } from './mask.js';

/** What an agent writes into a reply is masked as a message is: past this door nobody sees personal data in clear. */
export const maskEditedReply: Around<ResolveReviewRequest, ResolveReviewResponse> = (request, _call, pass) =>
  pass({ ...request, editedReply: mask(request.editedReply.normalize('NFC')).text });
