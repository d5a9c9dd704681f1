import type { CompatServiceDefinition } from 'nice-grpc';
import type { Call } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { type Served, serve } from '../../lib/server.js';
import { withRequestId } from './requestId.js';

type Unary = (request: unknown, options: { within: Call }) => Promise<unknown>;

/** What the gateway does itself around a method that it passes on with `pass`. */
export type Around<Q, R> = (request: Q, call: Call, pass: () => Promise<R>) => Promise<R>;

/** Serves a public service that another one implements: the gateway checks the caller and passes the request on. Unary methods only. */
export function forward<D extends CompatServiceDefinition>(
  definition: D,
  client: MeshClient<D>,
  around: Readonly<Record<string, (request: never, call: Call, pass: () => Promise<never>) => Promise<unknown>>> = {},
): Served {
  const { methods } = definition as unknown as { methods: Record<string, { requestStream: boolean; responseStream: boolean }> };
  const handlers = Object.fromEntries(
    Object.entries(methods).map(([name, method]) => {
      if (method.requestStream || method.responseStream) throw new Error(`${name} is a stream, which forward() does not pass on.`);
      const pass = (client as unknown as Record<string, Unary>)[name]!;
      const own = around[name] as Around<object, unknown> | undefined;
      return [
        name,
        async (asked: object, call: Call) => {
          const request = withRequestId(asked, call.metadata);
          const passOn = (): Promise<unknown> => pass(request, { within: call });
          return own ? own(request, call, passOn) : passOn();
        },
      ];
    }),
  );
  return serve(definition, handlers as never);
}
