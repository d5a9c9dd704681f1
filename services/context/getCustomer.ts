import type { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { readProfile } from './profileRow.js';
import type { Store } from './store.js';

export const getCustomer =
  ({ store, keys }: { readonly store: Store; readonly keys: ContentKeys }): Handler<CustomerServiceDefinition, 'getCustomer'> =>
  async ({ id }, call) => {
    const customer = await store.within(call, (tx) => readProfile(tx, keys, call.principal.tenant, id));
    return { customer: customer ?? fail('CUSTOMER_NOT_FOUND', { id }) };
  };
