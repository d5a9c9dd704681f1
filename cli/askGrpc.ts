import { ClientError, createChannel, createClientFactory, Metadata, Status } from 'nice-grpc';
import { errorDetailsClientMiddleware } from 'nice-grpc-error-details';
import { QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { type Asking, CUT, type Question, Unreachable } from './asking.js';
import { CommandFailed } from './failure.js';
import { failureOf, statusOfError } from './rpcStatus.js';

/** Asks the gateway itself over gRPC. @throws Unreachable when nothing listens there, CommandFailed when the answer is an error */
export async function* askGrpc(address: string, { request, token, streaming, signal }: Question): Asking {
  const channel = createChannel(address, undefined, { 'grpc.enable_channelz': 0 });
  const client = createClientFactory()
    .use(errorDetailsClientMiddleware)
    .create(QueryServiceDefinition, channel, { '*': { metadata: Metadata({ authorization: `Bearer ${token}` }) } });
  try {
    if (!streaming) return (await client.processQuery(request, { signal })).decision!;
    for await (const { event } of client.streamQuery({ query: request }, { signal })) {
      if (event?.$case === 'sentence') yield event.value.text;
      if (event?.$case === 'decision') return event.value;
      if (event?.$case === 'error') throw new CommandFailed(event.value.message);
    }
    throw new CommandFailed(CUT);
  } catch (error) {
    if (!(error instanceof ClientError)) throw error;
    const status = statusOfError(error);
    // Without an ErrorInfo it is the channel's own: nobody was there.
    if (error.code === Status.UNAVAILABLE && status.reason === undefined) throw new Unreachable(address, { cause: error });
    throw failureOf(status);
  } finally {
    channel.close();
  }
}
