import { readFileSync } from 'node:fs';
import { fromJsonString, toBinary } from '@bufbuild/protobuf';
import { Policy } from '../../gen/replymesh/type/v1/policy.js';
import { contract, messageType, violationsOf } from '../../lib/contract.js';
import { StartError } from '../../lib/errors.js';

/** Reads a policy file: `replymesh.type.v1.Policy` in protobuf's JSON form. @throws StartError that names the file and what is wrong in it */
export function loadPolicy(file: string): Policy {
  const schema = messageType('replymesh.type.v1.Policy');
  let bytes: Uint8Array;
  try {
    bytes = toBinary(schema, fromJsonString(schema, readFileSync(file, 'utf8'), { registry: contract }));
  } catch (error) {
    throw new StartError(
      `Policy ${file} cannot be read: ${(error as Error).message}. It must be a JSON file with the fields of replymesh.type.v1.Policy.`,
    );
  }
  const violations = violationsOf(schema, bytes);
  if (violations.length > 0) {
    throw new StartError(`Policy ${file} is not valid: ${violations.map((v) => `${v.field} ${v.description}`).join('; ')}.`);
  }
  const policy = Policy.decode(bytes);
  if (policy.minConfidenceDraft > policy.minConfidenceAuto) {
    throw new StartError(`Policy ${file} is not valid: minConfidenceDraft is above minConfidenceAuto.`);
  }
  return policy;
}
