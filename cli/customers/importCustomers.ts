import { readFile } from 'node:fs/promises';
import { type Client, ClientError, Status } from 'nice-grpc';
import { RichClientError } from 'nice-grpc-error-details';
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

interface Counts {
  added: number;
  changed: number;
  unchanged: number;
}
const NONE: Counts = { added: 0, changed: 0, unchanged: 0 };

const CONCURRENCY = 8;
/** A profile is replaced as a whole, so that what is gone in the other system goes here. */
const ALL_FIELDS = ['display_name', 'tier', 'language', 'facts'];
/** What becomes of a matter; its type and time stay. */
const CHANGING_FIELDS = ['summary', 'resolution_status', 'satisfaction_score'];

/** Imports customers of a file into a running mesh. @returns 1 when something was refused, else 0 */
export async function importCustomers(file: string, { json }: ImportOptions, env: Environment, signal: AbortSignal): Promise<number> {
  const { records, refusals } = readRecords(await textOf(file));
  const [customerCounts, lineCounts] = [{ ...NONE }, { ...NONE }];
  const bar = progressBar('importing', records.length);
  let done = 0;
  const store = async (customers: Customers, record: Placed): Promise<void> => {
    const { line, profile, lines } = record;
    const refuse = (where: string, error: unknown): void => void refusals.push({ line, problem: `${where}${refusalOf(error)}` });
    const stored = await customers
      .updateCustomer({ customer: profile, updateMask: ALL_FIELDS, allowMissing: true }, { signal })
      .catch((error: unknown) => refuse('', error));
    if (stored) customerCounts[stored.created ? 'added' : stored.changed ? 'changed' : 'unchanged'] += 1;
    for (const one of stored ? lines : []) {
      const became = await storeLine(customers, profile.id, one, signal).catch((error: unknown) => refuse(`${one.name}: `, error));
      if (became) lineCounts[became] += 1;
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
  const told = { customers: customerCounts, interactions: lineCounts };
  process.stdout.write(json ? `${JSON.stringify({ ...told, refused: refusals })}\n` : shown(told, refusals.length));
  return refusals.length > 0 ? 1 : 0;
}

type Customers = Client<CustomerServiceDefinition>;

/** Adds a line, or changes it where it was imported before and the other system says something else by now. */
async function storeLine(customers: Customers, customerId: string, line: Line, signal: AbortSignal): Promise<keyof Counts> {
  const { requestId, isNamed } = line;
  try {
    const { created } = await customers.createInteraction(
      { customerId, interaction: { ...line.interaction, id: '' }, requestId },
      { signal },
    );
    return created ? 'added' : 'unchanged';
  } catch (error) {
    const id = standingIn(error);
    if (id === undefined) throw error;
    // It is the same one by what it says: somebody has changed it here since.
    if (!isNamed) return 'unchanged';
    const interaction = { ...line.interaction, id };
    const { changed } = await customers.updateInteraction({ customerId, interaction, updateMask: CHANGING_FIELDS }, { signal });
    return changed ? 'changed' : 'unchanged';
  }
}

/** The line that a request id has added before, when that is what is wrong. */
const standingIn = (error: unknown): string | undefined =>
  error instanceof RichClientError
    ? error.extra.flatMap((d) => (d.$type === 'google.rpc.ResourceInfo' ? [d.resourceName] : []))[0]
    : undefined;

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
  const { message, violations } = statusOfError(error);
  return violations.length > 0 ? violations.map(({ field, description }) => `${field}: ${description}`).join('; ') : message;
}

const shown = (told: Readonly<Record<string, Counts>>, refused: number): string =>
  `${Object.entries(told)
    .map(([what, { added, changed, unchanged }]) => `${what}: ${added} added, ${changed} changed, ${unchanged} unchanged\n`)
    .join('')}${refused} refused\n`;
