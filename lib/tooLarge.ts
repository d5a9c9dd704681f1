import { ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { kitFault } from './errors.js';
import { MAX_MESSAGE_BYTES } from './limits.js';
import { errors } from './metrics.js';
import { DETAILS_KEY, statusDetails } from './statusDetails.js';

/** grpc-js refuses a message that is too large before any middleware sees it, with a bare status: here it gets its `ErrorInfo` and is counted. */
export const tooLargeInterceptor: ServerInterceptor = (_method, call) => {
  const send = call.sendStatus.bind(call);
  // Not a responder's `sendStatus`: grpc-js' own statuses do not pass through those.
  call.sendStatus = (status) => {
    if (status.code !== Status.RESOURCE_EXHAUSTED || status.metadata?.get(DETAILS_KEY).length) return send(status);
    const fault = kitFault('MESSAGE_TOO_LARGE', { max_bytes: MAX_MESSAGE_BYTES });
    errors.inc({ error_type: fault.reason });
    send({ code: fault.code, details: fault.details, metadata: statusDetails(fault) });
  };
  return new ServerInterceptingCall(call);
};
