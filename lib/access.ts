import type { CallContext, Metadata, ServerMiddleware } from 'nice-grpc';
import { type Call, decodeName, type Principal, SUBJECT_KEY, TENANT_KEY } from './call.js';
import { type MethodContract, methods } from './contract.js';
import { kitFail } from './errors.js';
import { log } from './log.js';

/** Adds the principal and its logger to every call of the contract. Health and reflection need none. */
export function accessMiddleware(
  authenticate: (metadata: Metadata, method: MethodContract) => Promise<Principal> | Principal,
): ServerMiddleware<Pick<Call, 'principal' | 'log'>> {
  return async function* (call, context: CallContext) {
    const method = methods.get(call.method.path);
    if (!method) return yield* call.next(call.request, context as Call);
    const principal = await authenticate(context.metadata, method);
    return yield* call.next(call.request, { ...context, principal, log: log.child({ tenant: principal.tenant, method: method.path }) });
  };
}

/** Inside the mesh the caller is another service, which passes on the principal that the gateway has checked. */
export function meshPrincipal(metadata: Metadata): Principal {
  const tenant = metadata.get(TENANT_KEY);
  if (!tenant) return kitFail('TOKEN_MISSING', {});
  return { tenant: decodeName(tenant), subject: decodeName(metadata.get(SUBJECT_KEY) ?? 'replymesh'), scopes: new Set() };
}
