import { Decision } from '../gen/replymesh/type/v1/decision.js';
import { ProcessQueryRequest } from '../gen/replymesh/v1/query_service.js';
import type { Environment } from '../lib/config.js';
import { openKeys } from '../mesh/keys.js';
import { askGrpc } from './askGrpc.js';
import { type Asking, type Question, Unreachable } from './asking.js';
import { askRest } from './askRest.js';
import { CommandFailed } from './failure.js';
import { printable, renderDecision } from './renderDecision.js';
import { knownScopes, settings } from './settings.js';

export interface AskOptions {
  readonly customer?: string;
  readonly session?: string;
  readonly requestId?: string;
  readonly space?: string;
  readonly stream?: boolean;
  readonly json?: boolean;
  /** Base URL of a mesh's REST; the local mesh when not given. */
  readonly url?: string;
}

const DEADLINE_MS = 30_000;

/** Sends one message to a running mesh and prints its decision. */
export async function ask(text: string, options: AskOptions, env: Environment, colour: boolean): Promise<number> {
  const { httpPort, grpcPort, dataDir, token } = settings(env);
  const request = ProcessQueryRequest.fromPartial({
    text,
    customerId: options.customer,
    sessionId: options.session,
    requestId: options.requestId,
    labelSpace: options.space,
  });
  const question: Question = {
    request,
    token: token ?? (await (await openKeys(dataDir, env)).sign({ subject: 'cli', tenant: 'demo', scopes: knownScopes, ttlSeconds: 600 })),
    streaming: options.stream ?? false,
    signal: AbortSignal.timeout(DEADLINE_MS),
  };
  const print = (asking: Asking): Promise<void> => printAnswer(asking, options, colour);
  try {
    if (options.url !== undefined) await print(askRest(options.url.replace(/\/+$/, ''), question));
    else await askLocally(`http://127.0.0.1:${httpPort}`, `127.0.0.1:${grpcPort}`, question, print);
    return 0;
  } catch (error) {
    if (error instanceof Unreachable) throw new CommandFailed(`No mesh answers at ${error.address}. Start one with "npm start".`);
    if (question.signal.aborted)
      throw new CommandFailed(`There was no answer within ${DEADLINE_MS / 1000} s. Ask again; "doctor" tells what is missing.`);
    throw error;
  }
}

/** REST through Envoy, or gRPC at the gateway where there is no Envoy. */
async function askLocally(url: string, address: string, question: Question, print: (asking: Asking) => Promise<void>): Promise<void> {
  try {
    await print(askRest(url, question));
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    process.stderr.write(`Nothing answers at ${url}: asking over gRPC at ${address}.\n`);
    await print(askGrpc(address, question));
  }
}

async function printAnswer(asking: Asking, { json, stream }: AskOptions, colour: boolean): Promise<void> {
  let next = await asking.next();
  for (; !next.done; next = await asking.next()) if (!json) process.stdout.write(printable(next.value));
  const decision = next.value;
  if (json) process.stdout.write(`${JSON.stringify(Decision.toJSON(decision))}\n`);
  else process.stdout.write(`${stream ? '\n\n' : ''}${renderDecision(decision, { withReply: !stream, colour })}`);
}
