import type { EraseCustomerRequest, EraseCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import type { Around } from './forward.js';
import type { Spool } from './spool.js';

const REMAINS = 'What waits at other gateways is dropped when it is delivered. What was set aside and cannot be read is left for a person.';

/** An erasure begins with what waits here, so that it does not come after it. */
export const eraseSpooled =
  (spool: Pick<Spool, 'erase'>): Around<EraseCustomerRequest, EraseCustomerResponse> =>
  async (request, call, pass) => {
    const removed = await spool.erase(call.principal.tenant, request.customerId);
    const receipt = await pass(request);
    return { ...receipt, stores: [...receipt.stores, { store: 'gateway_spool', removed, remains: REMAINS }] };
  };
