import type { DescMessage } from '@bufbuild/protobuf';
import type { CompatServiceDefinition, ServerMiddleware } from 'nice-grpc';
import { BadRequest } from 'nice-grpc-error-details';
import { methods, type Violation, violationsOf } from './contract.js';
import { kitFail } from './errors.js';

interface Codec {
  encode(message: unknown): { finish(): Uint8Array };
}
interface TsProtoMethod {
  readonly name: string;
  readonly requestType: Codec;
}

/** @throws Fault FIELD_VIOLATION with one `BadRequest` entry for each broken rule */
export function requireNone(violations: readonly Violation[]): void {
  if (violations.length === 0) return;
  const fields = [...new Set(violations.map((v) => v.field || 'the message'))].join(', ');
  const details = BadRequest.fromPartial({ fieldViolations: violations.map((v) => ({ field: v.field, description: v.description })) });
  kitFail('FIELD_VIOLATION', { fields }, [details]);
}

/** Checks every request, and every message of a request stream, against the `buf.validate` rules of the contract. */
export function validationMiddleware(definitions: readonly CompatServiceDefinition[]): ServerMiddleware {
  const checks = new Map<string, (message: unknown) => void>();
  for (const definition of definitions) {
    const { fullName, methods: own } = definition as unknown as { fullName: string; methods: Record<string, TsProtoMethod> };
    for (const { name, requestType } of Object.values(own)) {
      const path = `/${fullName}/${name}`;
      const method = methods.get(path);
      if (!method) throw new Error(`The descriptor set lacks ${path}: run "npm run generate".`);
      checks.set(path, checkOf(requestType, method.input));
    }
  }
  return async function* (call, context) {
    const check = checks.get(call.method.path);
    if (!check) return yield* call.next(call.request, context);
    if (!call.requestStream) {
      check(call.request);
      return yield* call.next(call.request, context);
    }
    return yield* call.next(each(call.request, check), context);
  };
}

const checkOf = (codec: Codec, schema: DescMessage) => (message: unknown) => requireNone(violationsOf(schema, encoded(codec, message)));

/** A time beyond what `Date` holds has become an invalid one, which cannot be encoded. */
function encoded(codec: Codec, message: unknown): Uint8Array {
  try {
    return codec.encode(message).finish();
  } catch (error) {
    if (error instanceof RangeError) requireNone([{ field: '', description: 'a time or number is far beyond its range' }]);
    throw error;
  }
}

async function* each<T>(messages: AsyncIterable<T>, check: (message: T) => void): AsyncIterable<T> {
  for await (const message of messages) {
    check(message);
    yield message;
  }
}
