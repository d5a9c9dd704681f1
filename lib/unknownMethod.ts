import { Server, type ServerDuplexStream } from '@grpc/grpc-js';
import { Status } from 'nice-grpc';
import { Fault, kitErrors } from './errors.js';
import { errors } from './metrics.js';
import { statusDetails } from './statusDetails.js';

/** gRPC's own code for it, which its libraries know; over HTTP the edge says NOT_FOUND. */
const fault = new Fault('ROUTE_NOT_FOUND', Status.UNIMPLEMENTED, kitErrors.ROUTE_NOT_FOUND.message({}), {});

const refuse = (call: ServerDuplexStream<unknown, unknown>): void => {
  errors.inc({ error_type: fault.reason });
  call.emit('error', { code: fault.code, details: fault.details, metadata: statusDetails(fault) });
};
const asIs = <T>(message: T): T => message;

type LookUp = (this: Server, path: string) => object | null;
/** Where grpc-js looks a method up. It is private, since grpc-js has no other place to say what answers a method that is not there: a bare status does. */
const prototype = Server.prototype as unknown as { _retrieveHandler: LookUp };
const lookUp = prototype._retrieveHandler;

/** Has every server of this process give `ErrorInfo` with a method that it does not serve. */
export function answerUnknownMethods(): void {
  // A stream both ways is answered before any message comes, whatever the caller took the method for.
  prototype._retrieveHandler = function (path) {
    return lookUp.call(this, path) ?? { type: 'bidi', path, func: refuse, serialize: asIs, deserialize: asIs };
  };
}
