import { readFileSync } from 'node:fs';
import {
  createFileRegistry,
  createRegistry,
  type DescMessage,
  type DescMethod,
  type FileRegistry,
  fromBinary,
  getOption,
  hasOption,
  type Message,
} from '@bufbuild/protobuf';
import type { GenExtension } from '@bufbuild/protobuf/codegenv2';
import {
  type FileDescriptorSet,
  FileDescriptorSetSchema,
  type MethodOptions,
  MethodOptions_IdempotencyLevel,
} from '@bufbuild/protobuf/wkt';
import { createValidator } from '@bufbuild/protovalidate';
import { packageRoot } from './packageRoot.js';

/** The descriptor set that `buf build` made of `proto/`: the one source of routes, scopes, idempotency and rules at run time. */
export const descriptorSet: Uint8Array = readFileSync(new URL('gen/descriptor.binpb', packageRoot));
export const contract: FileRegistry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptorSet) as FileDescriptorSet);

const extension = <T>(name: string) => contract.getExtension(name) as unknown as GenExtension<MethodOptions, T>;
const scopeOption = extension<string>('replymesh.type.v1.required_scope');
const httpOption = extension<HttpRule>('google.api.http');
type HttpRule = Message & { pattern: { case: string; value: string }; body: string };

/** What the contract says of one method. */
export interface MethodContract {
  /** `/replymesh.v1.QueryService/GetQuery` */
  readonly path: string;
  readonly idempotent: boolean;
  readonly requiredScope: string | undefined;
  readonly http: { readonly verb: string; readonly route: string } | undefined;
  readonly input: DescMessage;
}

function methodContract(method: DescMethod): MethodContract {
  const options = method.proto.options;
  const rule = options && hasOption(method, httpOption) ? getOption(method, httpOption) : undefined;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    idempotent: method.idempotency !== MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
    requiredScope: options && hasOption(method, scopeOption) ? getOption(method, scopeOption) : undefined,
    http: rule?.pattern.case ? { verb: rule.pattern.case.toUpperCase(), route: rule.pattern.value } : undefined,
    input: method.input,
  };
}

/** Every method of the contract by its gRPC path. */
export const methods: ReadonlyMap<string, MethodContract> = new Map(
  [...contract].flatMap((type) =>
    type.kind === 'service' ? type.methods.map((m) => [`/${type.typeName}/${m.name}`, methodContract(m)] as const) : [],
  ),
);

const validator = createValidator({ registry: createRegistry(contract) });

/** A rule of the contract that a message breaks. */
export interface Violation {
  /** Path of the field in the names of the contract, for example `article.id`; empty for a rule on the whole message. */
  readonly field: string;
  readonly description: string;
}

/** Checks an encoded message against its `buf.validate` rules. @throws Error when the bytes are no such message */
export function violationsOf(schema: DescMessage, bytes: Uint8Array): Violation[] {
  const result = validator.validate(schema, fromBinary(schema, bytes));
  if (result.kind === 'valid') return [];
  if (result.kind === 'error') throw result.error;
  return result.violations.map((v) => ({ field: fieldPath(v.field), description: v.message }));
}

function fieldPath(path: readonly unknown[]): string {
  let out = '';
  for (const step of path as readonly ({ kind: string; name?: string; index?: number; key?: unknown } & object)[]) {
    if (step.kind === 'field' || step.kind === 'oneof' || step.kind === 'extension') out += `${out ? '.' : ''}${step.name}`;
    else if (step.kind === 'list_sub') out += `[${step.index}]`;
    else if (step.kind === 'map_sub') out += `[${JSON.stringify(step.key)}]`;
  }
  return out;
}

/** @throws Error when the contract has no such message */
export function messageType(typeName: string): DescMessage {
  const schema = contract.getMessage(typeName);
  if (!schema) throw new Error(`The contract has no message ${typeName}.`);
  return schema;
}
