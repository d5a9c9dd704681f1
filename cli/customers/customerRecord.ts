import { createHash } from 'node:crypto';
import { type DescMessage, fromJson, type JsonValue, toBinary } from '@bufbuild/protobuf';
import { CustomerProfile, Interaction } from '../../gen/replymesh/type/v1/customer.js';
import { messageType } from '../../lib/contract.js';

/** A line of a customer's history, and what makes it the same one when it is imported again. */
export interface Line {
  readonly interaction: Interaction;
  readonly requestId: string;
  /** Whether the other system has an id for it, so that it stays the same one when it changes. */
  readonly isNamed: boolean;
  /** How a person finds it in the record. */
  readonly name: string;
}

/** One customer of a file. */
export interface CustomerRecord {
  readonly profile: CustomerProfile;
  readonly lines: readonly Line[];
  /** Lines of messages, which an export holds too: the mesh records its own. */
  readonly messages: number;
  /** Why some lines cannot be imported. */
  readonly problems: readonly string[];
}

const KEYS = ['profile', 'interactions'];
/** What an export has beside them. */
const OTHERS = ['customerId', 'queries', 'auditRecords'];

/** Reads `{ "profile": …, "interactions": [ … ] }` in the JSON of the contract. @throws Error saying what is wrong with all of it */
export function readCustomer(text: string): CustomerRecord {
  const record = JSON.parse(text) as unknown;
  if (!isObject(record)) throw new Error('this is no customer. Write {"profile": …, "interactions": [ … ]}.');
  const unknown = Object.keys(record).filter((key) => !KEYS.includes(key) && !OTHERS.includes(key));
  if (unknown.length > 0) throw new Error(`"${unknown[0]}" means nothing here. Use ${KEYS.join(' and ')}.`);
  const { profile: told, interactions = [] } = record;
  if (told === undefined) throw new Error('there is no "profile". Give one with an id at least.');
  if (!Array.isArray(interactions)) throw new Error('"interactions" must be a list.');
  const profile = CustomerProfile.decode(binaryOf('CustomerProfile', told));
  const read = interactions.map((one: JsonValue, i) => lineOf(profile.id, one, `interactions[${i}]`));
  const lines = read.flatMap((line) => (typeof line === 'string' ? [] : [line]));
  const own = lines.filter(({ interaction }) => interaction.type !== 'QUERY');
  return { profile, lines: own, messages: lines.length - own.length, problems: read.filter((line) => typeof line === 'string') };
}

const isObject = (value: unknown): value is Record<string, JsonValue> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function binaryOf(type: string, json: JsonValue): Uint8Array {
  const schema: DescMessage = messageType(`replymesh.type.v1.${type}`);
  return toBinary(schema, fromJson(schema, json));
}

/** @returns what is wrong with it, where something is */
function lineOf(customerId: string, json: JsonValue, place: string): Line | string {
  try {
    const interaction = Interaction.decode(binaryOf('Interaction', json));
    const { id, type, summary, resolutionStatus, satisfactionScore, createTime } = interaction;
    // Without an id of the other system it is what it says that makes it the same one.
    const same = id === '' ? [type, summary, resolutionStatus, satisfactionScore ?? null, createTime ?? null] : [id];
    const digest = createHash('sha256')
      .update(JSON.stringify([customerId, ...same]))
      .digest('hex');
    return { interaction, requestId: `import_${digest}`, isNamed: id !== '', name: id === '' ? place : `${place} "${id}"` };
  } catch (error) {
    return `${place}: ${(error as Error).message}`;
  }
}
