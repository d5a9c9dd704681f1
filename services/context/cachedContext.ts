import { GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import type { History } from './behaviour.js';
import type { ContentKey } from './contentKeys.js';

/** What is cached of a customer. */
export interface CachedContext {
  /** Without features: those are told as of the moment that they are asked for. */
  readonly context: GetContextResponse;
  readonly history: History;
  /** Of the customer's lines; 0 before the mesh has written one. */
  readonly version: number;
  /** Absent where nothing of the customer is encrypted: ids, numbers and labels alone. */
  readonly key: ContentKey | undefined;
}

const LENGTH_BYTES = 4;

/** Redis may keep copies of its own: there, too, a name or fact stands encrypted alone, after the wrapped key and its length. */
export function toCache(customerId: string, { context, history, version, key }: CachedContext): Uint8Array {
  const counted = Buffer.from(JSON.stringify({ version, history }));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(counted.length);
  const bytes = Buffer.concat([length, counted, GetContextResponse.encode(context).finish()]);
  return key
    ? Buffer.concat([Buffer.of(key.wrapped.length), key.wrapped, key.seal('context', customerId, bytes)])
    : Buffer.concat([Buffer.of(0), bytes]);
}

/** What is not as `toCache` made it, for example by another version, counts as nothing. */
export function fromCache(
  customerId: string,
  cached: Uint8Array | undefined,
  keyOf: (wrapped: Uint8Array) => ContentKey | undefined,
): CachedContext | undefined {
  if (!cached?.length) return undefined;
  const from = 1 + cached[0]!;
  const sealed = cached.subarray(from);
  try {
    const key = from === 1 ? undefined : keyOf(cached.subarray(1, from));
    const bytes = Buffer.from(key ? key.open('context', customerId, sealed) : sealed);
    const end = LENGTH_BYTES + bytes.readUInt32BE(0);
    const counted = JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end)) as Pick<CachedContext, 'version' | 'history'>;
    return { context: GetContextResponse.decode(bytes.subarray(end)), ...counted, key };
  } catch {
    return undefined;
  }
}
