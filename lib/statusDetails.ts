import { Metadata } from '@grpc/grpc-js';
import { Status as RpcStatus } from '../gen/google/rpc/status.js';
import { type Fault, rpcStatusOf } from './errors.js';

/** Where gRPC carries a `google.rpc.Status`. */
export const DETAILS_KEY = 'grpc-status-details-bin';

/** The details of an error for what grpc-js itself answers, where no middleware of ours adds them. */
export function statusDetails(fault: Fault): Metadata {
  const metadata = new Metadata();
  metadata.set(DETAILS_KEY, Buffer.from(RpcStatus.encode(rpcStatusOf(fault)).finish()));
  return metadata;
}
