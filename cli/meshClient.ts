import { type Client, ClientError, type CompatServiceDefinition, createChannel, createClientFactory, Metadata, Status } from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import type { Environment } from '../lib/config.js';
import { openKeys } from '../mesh/keys.js';
import { CommandFailed } from './failure.js';
import { patienceMiddleware } from './patience.js';
import { failureOf, statusOfError } from './rpcStatus.js';
import { settings } from './settings.js';

/** Long enough for any command. */
const TTL_S = 3600;

/** Works with a service of the mesh on this machine. @throws CommandFailed when nobody answers there, or with what the mesh says */
export async function withMesh<D extends CompatServiceDefinition, T>(
  definition: D,
  scopes: readonly string[],
  env: Environment,
  work: (client: Client<D>) => Promise<T>,
): Promise<T> {
  const { grpcPort, dataDir, token, meshAddress } = settings(env);
  const bearer = token ?? (await (await openKeys(dataDir, env)).sign({ subject: 'cli', tenant: 'demo', scopes, ttlSeconds: TTL_S }));
  const address = meshAddress ?? `127.0.0.1:${grpcPort}`;
  const channel = createChannel(address, undefined, { 'grpc.enable_channelz': 0 });
  const clients = createClientFactory().use(errorDetailsClientMiddleware).use(patienceMiddleware);
  try {
    return await work(clients.create(definition, channel, { '*': { metadata: Metadata({ authorization: `Bearer ${bearer}` }) } }));
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const status = statusOfError(error);
    if (error.code === Status.UNAVAILABLE && status.reason === undefined)
      throw new CommandFailed(`No mesh answers at ${address}. Start one with "npm start".`);
    throw failureOf(status);
  } finally {
    channel.close();
  }
}
