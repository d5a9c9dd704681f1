import type { EraseCustomerRequest, EraseCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import type { Around } from './forward.js';
import type { Spool } from './spool.js';

const REMAINS = 'What waits at other gateways is dropped when it is delivered. What was set aside and cannot be read is left for a person.';

/**
 * An erasure ends with what waits here of before it. Not sooner: whether it is a new one, or a known request that is sent again, context knows alone,
 * and what was accepted since is to stay. What context is handed meanwhile it drops by the same time.
 */
export const eraseSpooled =
  (spool: Pick<Spool, 'erase'>): Around<EraseCustomerRequest, EraseCustomerResponse> =>
  async (request, call, pass) => {
    const receipt = await pass(request);
    const removed = receipt.eraseTime ? await spool.erase(call.principal.tenant, request.customerId, receipt.eraseTime) : 0;
    return { ...receipt, stores: [...receipt.stores, { store: 'gateway_spool', removed, remains: REMAINS }] };
  };
