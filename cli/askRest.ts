import { Decision } from '../gen/replymesh/type/v1/decision.js';
import { ProcessQueryRequest, StreamQueryResponse } from '../gen/replymesh/v1/query_service.js';
import { type Asking, CUT, type Question, Unreachable } from './asking.js';
import { CommandFailed } from './failure.js';
import { failureOf, statusOfJson } from './rpcStatus.js';
import { serverSentEvents } from './serverSentEvents.js';

/** Asks over REST; a stream comes as server-sent events. @throws Unreachable when nothing listens there, CommandFailed when the answer is an error */
export async function* askRest(url: string, { request, token, streaming, signal }: Question): Asking {
  const query = ProcessQueryRequest.toJSON(request);
  const response = await post(`${url}/v1/queries:${streaming ? 'stream' : 'process'}`, token, streaming ? { query } : query, signal);
  const isWanted = response.headers.get('content-type')?.startsWith(streaming ? 'text/event-stream' : 'application/json');
  if (!response.ok || !response.body || !isWanted) throw await refusal(url, response);
  try {
    if (streaming) return yield* streamed(response.body);
    const { decision } = (await response.json()) as { decision?: unknown };
    if (decision === undefined) throw notReplymesh(url, response);
    return Decision.fromJSON(decision);
  } catch (error) {
    // What fetch throws when the connection breaks inside of a body.
    if (error instanceof TypeError && error.message === 'terminated') throw new CommandFailed(CUT);
    throw error;
  }
}

async function* streamed(body: AsyncIterable<Uint8Array>): Asking {
  for await (const data of serverSentEvents(body)) {
    const { event } = StreamQueryResponse.fromJSON(JSON.parse(data));
    if (event?.$case === 'sentence') yield event.value.text;
    if (event?.$case === 'decision') return event.value;
    if (event?.$case === 'error') throw new CommandFailed(event.value.message);
  }
  throw new CommandFailed(CUT);
}

async function post(url: string, token: string, body: unknown, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });
  } catch (error) {
    // fetch hides the system's error in the cause.
    if (error instanceof TypeError) throw new Unreachable(url, { cause: error.cause });
    throw error;
  }
}

async function refusal(url: string, response: Response): Promise<CommandFailed> {
  const status = statusOfJson(await response.json().catch(() => undefined));
  return status ? failureOf(status) : notReplymesh(url, response);
}

const notReplymesh = (url: string, response: Response): CommandFailed =>
  new CommandFailed(`What answers at ${url} is not Replymesh (HTTP ${response.status}). Set REPLYMESH_HTTP_PORT or --url.`);
