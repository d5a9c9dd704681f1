import { ClientError, createChannel, createClient, Metadata } from 'nice-grpc';
import { Decision } from '../gen/replymesh/type/v1/decision.js';
import { ProcessQueryRequest, QueryServiceDefinition, type StreamQueryResponse } from '../gen/replymesh/v1/query_service.js';
import { openKeys } from '../mesh/keys.js';
import { renderDecision } from './renderDecision.js';
import { knownScopes, settings } from './settings.js';

export interface AskOptions {
  readonly customer?: string;
  readonly requestId?: string;
  readonly space?: string;
  readonly stream?: boolean;
  readonly json?: boolean;
}
const DEADLINE_MS = 30_000;

/** Asks over REST through Envoy, or straight over gRPC where there is no Envoy. */
export async function ask(text: string, options: AskOptions): Promise<number> {
  const { httpPort, grpcPort, dataDir, token: given } = settings();
  const token = given ?? (await (await openKeys(dataDir)).sign({ subject: 'cli', tenant: 'demo', scopes: knownScopes, ttlSeconds: 600 }));
  const request = ProcessQueryRequest.fromPartial({
    text,
    customerId: options.customer,
    requestId: options.requestId,
    labelSpace: options.space,
  });
  const url = `http://127.0.0.1:${httpPort}`;
  try {
    if (options.stream) return await finish(await streamed(grpcPort, token, request, options), options);
    const decision = (await overRest(url, token, request)) ?? (await overGrpc(grpcPort, token, request));
    return await finish(decision, options);
  } catch (error) {
    if (!(error instanceof AskFailed || error instanceof ClientError)) throw error;
    const refused = error instanceof ClientError && error.code === 14;
    process.stderr.write(
      `${refused ? 'No mesh answers here. Start one with "npm start".' : error instanceof ClientError ? error.details : error.message}\n`,
    );
    return 1;
  }
}

class AskFailed extends Error {}

async function finish(decision: Decision, { json, stream }: AskOptions): Promise<number> {
  process.stdout.write(
    json ? `${JSON.stringify(Decision.toJSON(decision))}\n` : renderDecision(decision, { withReply: !stream, colour: colour() }),
  );
  return 0;
}

const colour = (): boolean => process.stdout.isTTY === true && !process.env['NO_COLOR'];

/** Undefined when nothing listens there. */
async function overRest(url: string, token: string, request: ProcessQueryRequest): Promise<Decision | undefined> {
  const response = await fetch(`${url}/v1/queries:process`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(ProcessQueryRequest.toJSON(request)),
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).catch(() => undefined);
  if (!response) {
    process.stderr.write(`Nothing answers at ${url}: trying gRPC.\n`);
    return undefined;
  }
  const body = (await response.json()) as { decision?: object; message?: string };
  if (!response.ok) throw new AskFailed(`${response.status}: ${body.message}`);
  return Decision.fromJSON(body.decision);
}

const clientOf = (port: number, token: string) => {
  const channel = createChannel(`127.0.0.1:${port}`);
  return {
    channel,
    client: createClient(QueryServiceDefinition, channel, { '*': { metadata: Metadata({ authorization: `Bearer ${token}` }) } }),
  };
};

async function overGrpc(port: number, token: string, request: ProcessQueryRequest): Promise<Decision> {
  const { channel, client } = clientOf(port, token);
  try {
    const { decision } = await client.processQuery(request, { signal: AbortSignal.timeout(DEADLINE_MS) });
    return decision!;
  } finally {
    channel.close();
  }
}

async function streamed(port: number, token: string, request: ProcessQueryRequest, { json }: AskOptions): Promise<Decision> {
  const { channel, client } = clientOf(port, token);
  try {
    for await (const { event } of client.streamQuery({ query: request }, { signal: AbortSignal.timeout(DEADLINE_MS) })) {
      const last = show(event, json ?? false);
      if (last) return last;
    }
    throw new AskFailed('The stream was cut before its last event.');
  } finally {
    channel.close();
  }
}

function show(event: StreamQueryResponse['event'], json: boolean): Decision | undefined {
  if (event?.$case === 'sentence' && !json) process.stdout.write(event.value.text);
  if (event?.$case === 'error') throw new AskFailed(event.value.message);
  if (event?.$case !== 'decision') return undefined;
  if (!json) process.stdout.write('\n\n');
  return event.value;
}
