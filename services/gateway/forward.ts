import type { CompatServiceDefinition } from 'nice-grpc';
import type { Call } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { type Served, serve } from '../../lib/server.js';
import { withRequestId } from './requestId.js';

type Method = (request: object, options: { within: Call }) => Promise<unknown> & AsyncIterable<unknown>;

/** What the gateway does itself around a unary method that it passes on with `pass`, which takes the request as it is to be. */
export type Around<Q, R> = (request: Q, call: Call, pass: (request: Q) => Promise<R>) => Promise<R>;

/** Serves a public service that another one implements: the gateway checks the caller and passes the request on. No method may take a stream. */
export function forward<D extends CompatServiceDefinition>(
  definition: D,
  client: MeshClient<D>,
  around: Readonly<Record<string, (request: never, call: Call, pass: (request: unknown) => Promise<never>) => Promise<unknown>>> = {},
): Served {
  const { methods } = definition as unknown as { methods: Record<string, { requestStream: boolean; responseStream: boolean }> };
  const handlers = Object.fromEntries(
    Object.entries(methods).map(([name, { requestStream, responseStream }]) => {
      if (requestStream) throw new Error(`${name} takes a stream, which forward() does not pass on.`);
      const pass = (client as unknown as Record<string, Method>)[name]!;
      if (responseStream) return [name, (asked: object, call: Call) => pass(withRequestId(asked, call.metadata), { within: call })];
      const own = around[name] as Around<object, unknown> | undefined;
      return [
        name,
        async (asked: object, call: Call) => {
          const passOn = (request: object): Promise<unknown> => pass(request, { within: call });
          const request = withRequestId(asked, call.metadata);
          return own ? own(request, call, passOn) : passOn(request);
        },
      ];
    }),
  );
  return serve(definition, handlers as never);
}
