import { CustomerServiceDefinition, EraseCustomerResponse, ExportCustomerResponse } from '../gen/replymesh/v1/customer_service.js';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { withMesh } from './meshClient.js';
import { printable } from './renderDecision.js';

/** Prints everything that is held about one customer as one JSON document. */
export async function exportCustomer(customerId: string, env: Environment): Promise<number> {
  await withMesh(CustomerServiceDefinition, ['customers.export'], env, async (customers) => {
    const whole = ExportCustomerResponse.fromPartial({});
    for (let pageToken = ''; ; ) {
      const page = await customers.exportCustomer({ customerId, pageToken });
      whole.profile ??= page.profile;
      for (const list of ['interactions', 'queries', 'auditRecords'] as const) whole[list].push(...(page[list] as never[]));
      pageToken = page.nextPageToken;
      if (pageToken === '') break;
      if (process.stderr.isTTY) process.stderr.write(`${AGAIN}${countOf(whole)} …`);
    }
    process.stderr.write(`${process.stderr.isTTY ? AGAIN : ''}${isNothing(whole) ? nothingAbout(customerId) : `${countOf(whole)}.`}\n`);
    process.stdout.write(`${JSON.stringify({ customerId, ...(ExportCustomerResponse.toJSON(whole) as object) }, null, 2)}\n`);
  });
  return 0;
}

/** Begins the line of a terminal anew. */
const AGAIN = '\r\x1b[K';

const countOf = ({ interactions, queries }: ExportCustomerResponse): string =>
  `${interactions.length} lines of history, ${queries.length} messages`;
/** What the audit log says of exports and erasures is no customer's. */
const isNothing = ({ profile, interactions, queries }: ExportCustomerResponse): boolean =>
  profile === undefined && interactions.length === 0 && queries.length === 0;
/** An id may be misspelt: nobody is to believe that somebody is erased who is not. */
const nothingAbout = (customerId: string): string => printable(`Nothing is held about a customer with the id ${customerId}.`);

export interface EraseOptions {
  /** Said on purpose. */
  readonly yes?: boolean;
  readonly requestId?: string;
  readonly json?: boolean;
}

/** Erases a customer and prints the receipt. */
export async function eraseCustomer(customerId: string, { yes, requestId = '', json }: EraseOptions, env: Environment): Promise<number> {
  if (!yes) throw new CommandFailed('An erasure cannot be undone. Export the customer first if anything is to be kept, and say --yes.', 2);
  const receipt = await withMesh(CustomerServiceDefinition, ['customers.erase'], env, (customers) =>
    customers.eraseCustomer({ customerId, requestId }),
  );
  process.stdout.write(json ? `${JSON.stringify(EraseCustomerResponse.toJSON(receipt))}\n` : printable(linesOf(receipt)));
  return 0;
}

const linesOf = ({ customerId, eraseTime, stores }: EraseCustomerResponse): string => {
  const at = `at ${eraseTime?.toISOString()}`;
  const isErased = stores.some(({ removed }) => removed > 0);
  const title = isErased
    ? `${customerId} was erased ${at}.`
    : `${nothingAbout(customerId)} That was looked for ${at}, as the audit log says.`;
  return `${title}\n\n${stores
    .map(({ store, removed, remains }) => `${String(removed).padStart(7)}  ${store}${remains && `\n         remains: ${remains}`}\n`)
    .join('')}`;
};
