import type { CompatServiceDefinition } from 'nice-grpc';
import type { Call } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import { type Served, serve } from '../../lib/server.js';
import { withRequestId } from './requestId.js';

type Unary = (request: unknown, options: { within: Call }) => Promise<unknown>;

/** Serves a public service that another one implements: the gateway checks the caller and passes the request on. Unary methods only. */
export function forward<D extends CompatServiceDefinition>(definition: D, client: MeshClient<D>): Served {
  const { methods } = definition as unknown as { methods: Record<string, { requestStream: boolean; responseStream: boolean }> };
  const handlers = Object.fromEntries(
    Object.entries(methods).map(([name, method]) => {
      if (method.requestStream || method.responseStream) throw new Error(`${name} is a stream, which forward() does not pass on.`);
      const pass = (client as unknown as Record<string, Unary>)[name]!;
      return [name, async (request: object, call: Call) => pass(withRequestId(request, call.metadata), { within: call })];
    }),
  );
  return serve(definition, handlers as never);
}
