import { StartError } from '../../lib/errors.js';

/** What every client of AWS is made with. Region and credentials come from the SDK's own chain: environment, files, the role of the machine. */
export const awsClient = (endpoint: string | undefined) => ({
  ...(endpoint === undefined ? {} : { endpoint }),
  requestHandler: { connectionTimeout: 2000, requestTimeout: 10_000 },
});

/** @throws StartError when the chain knows no region, which no retry would mend */
export async function requireRegion(client: { config: { region(): Promise<string> } }): Promise<void> {
  await client.config.region().catch(() => {
    throw new StartError('AWS_REGION is missing: set it to the region of the table, bucket or bus that the relays are to write to.');
  });
}
