import { readFile } from 'node:fs/promises';
import { type Client, ClientError, Status } from 'nice-grpc';
import pMap from 'p-map';
import { CustomerServiceDefinition } from '../../gen/replymesh/v1/customer_service.js';
import type { Environment } from '../../lib/config.js';
import { CommandFailed } from '../failure.js';
import { withMesh } from '../meshClient.js';
import { progressBar } from '../progressBar.js';
import { printable } from '../renderDecision.js';
import { statusOfError } from '../rpcStatus.js';
import { type CustomerRecord, type Line, readCustomer } from './customerRecord.js';
import { piecesOf } from './jsonPieces.js';

export interface ImportOptions {
  readonly json?: boolean;
}

/** Why something is not imported, and where it stands. */
interface Refusal {
  readonly line: number;
  readonly problem: string;
}
type Placed = CustomerRecord & { readonly line: number };

const CONCURRENCY = 8;
/** A profile is replaced as a whole, so that what is gone in the other system goes here. */
const ALL_FIELDS = ['display_name', 'tier', 'language', 'facts'];

/** Imports customers of a file into a running mesh. @returns 1 when something was refused, else 0 */
export async function importCustomers(file: string, { json }: ImportOptions, env: Environment, signal: AbortSignal): Promise<number> {
  const { records, refusals } = readRecords(await textOf(file));
  const counts = { added: 0, changed: 0, unchanged: 0, interactionsAdded: 0, interactionsUnchanged: 0 };
  const bar = progressBar('importing', records.length);
  let done = 0;
  const store = async (customers: Customers, record: Placed): Promise<void> => {
    const { line, profile, lines } = record;
    const refuse = (where: string, error: unknown): void => void refusals.push({ line, problem: `${where}${refusalOf(error)}` });
    const stored = await customers
      .updateCustomer({ customer: profile, updateMask: ALL_FIELDS, allowMissing: true }, { signal })
      .catch((error: unknown) => refuse('', error));
    if (stored) counts[stored.created ? 'added' : stored.changed ? 'changed' : 'unchanged'] += 1;
    for (const one of stored ? lines : []) {
      const made = await addLine(customers, profile.id, one, signal).catch((error: unknown) => refuse(`${one.name}: `, error));
      if (made) counts[made.created ? 'interactionsAdded' : 'interactionsUnchanged'] += 1;
    }
    done += 1;
    bar.increment(1);
  };
  try {
    await withMesh(CustomerServiceDefinition, ['customers.write'], env, (customers) =>
      pMap(records, (record) => store(customers, record), { concurrency: CONCURRENCY, signal }),
    );
  } catch (error) {
    if (done > 0) process.stderr.write(`${done} of ${records.length} customers were looked at. Import again: nothing is added twice.\n`);
    throw error;
  } finally {
    bar.stop();
  }
  const messages = records.reduce((sum, record) => sum + record.messages, 0);
  if (messages > 0) process.stderr.write(`Lines of messages, which the mesh records itself, are left out: ${messages}.\n`);
  refusals.sort((a, b) => a.line - b.line);
  for (const { line, problem } of refusals) process.stderr.write(printable(`${file}:${line}: ${problem}\n`));
  process.stdout.write(json ? `${JSON.stringify({ ...counts, refused: refusals })}\n` : shown(counts, refusals.length));
  return refusals.length > 0 ? 1 : 0;
}

type Customers = Client<CustomerServiceDefinition>;

const addLine = (customers: Customers, customerId: string, { interaction, requestId }: Line, signal: AbortSignal) =>
  customers.createInteraction({ customerId, interaction: { ...interaction, id: '' }, requestId }, { signal });

const textOf = (file: string): Promise<string> =>
  readFile(file, 'utf8').then(
    (text) => text.replace(/^\uFEFF/, ''),
    (error: Error) => {
      throw new CommandFailed(`${file} cannot be read: ${error.message}`, 2);
    },
  );

/** Each customer once: of two records of one customer it would be chance which stands. */
function readRecords(text: string): { records: Placed[]; refusals: Refusal[] } {
  const records: Placed[] = [];
  const refusals: Refusal[] = [];
  const lineOf = new Map<string, number>();
  for (const { line, text: piece } of piecesOf(text)) {
    try {
      const record = readCustomer(piece);
      const earlier = lineOf.get(record.profile.id);
      if (earlier !== undefined) throw new Error(`customer "${record.profile.id}" stands on line ${earlier} already. Make one of the two.`);
      lineOf.set(record.profile.id, line);
      records.push({ ...record, line });
      refusals.push(...record.problems.map((problem) => ({ line, problem })));
    } catch (error) {
      refusals.push({ line, problem: (error as Error).message });
    }
  }
  return { records, refusals };
}

/** What is wrong with one record. @throws what is wrong with more than it */
function refusalOf(error: unknown): string {
  const OF_ONE: readonly Status[] = [Status.INVALID_ARGUMENT, Status.ALREADY_EXISTS, Status.FAILED_PRECONDITION];
  if (!(error instanceof ClientError) || !OF_ONE.includes(error.code)) throw error;
  const { message, reason, violations } = statusOfError(error);
  if (reason === 'REQUEST_ID_REUSED') return 'it was imported before and said something else. Give what happened since an id of its own.';
  return violations.length > 0 ? violations.map(({ field, description }) => `${field}: ${description}`).join('; ') : message;
}

const shown = (counts: Readonly<Record<string, number>>, refused: number): string =>
  `customers: ${counts['added']} added, ${counts['changed']} changed, ${counts['unchanged']} unchanged\n` +
  `interactions: ${counts['interactionsAdded']} added, ${counts['interactionsUnchanged']} unchanged\n` +
  `${refused} refused\n`;
