import type { ServerMiddleware } from 'nice-grpc';
import { expect, it } from 'vitest';
import { ListQueriesRequest, QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { validationMiddleware } from './validation.js';

it('a time that no Date holds is a violation of the contract, not a fault of ours', async () => {
  const call = {
    method: { path: '/replymesh.v1.QueryService/ListQueries' },
    request: ListQueriesRequest.fromPartial({ startTime: new Date(Number.NaN) }),
    requestStream: false,
  };
  const middleware = validationMiddleware([QueryServiceDefinition]) as (...args: unknown[]) => ReturnType<ServerMiddleware>;
  await expect(middleware(call, {}).next()).rejects.toMatchObject({ reason: 'FIELD_VIOLATION' });
});
