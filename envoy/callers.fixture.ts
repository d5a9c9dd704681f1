import { ClientError, createChannel, createClientFactory, Metadata, Status } from 'nice-grpc';
import {
  BadRequest,
  type ErrorDetails,
  ErrorInfo,
  errorDetailsClientMiddleware,
  RetryInfo,
  RichClientError,
} from 'nice-grpc-error-details';
import { Status as RpcStatus } from '../gen/google/rpc/status.js';
import { ProcessQueryRequest, QueryServiceDefinition } from '../gen/replymesh/v1/query_service.js';
import { Fault, retryAfter, rpcStatusOf } from '../lib/errors.js';
import { fault, specs } from '../services/errors.js';
import type { TestEdge } from './edge.fixture.js';

/** A google.rpc.Status in one shape, whatever it was read from. */
export interface Problem {
  readonly code: number;
  readonly message: string;
  readonly errorInfos: readonly { reason: string; domain: string; metadata: Record<string, string> }[];
  readonly retryDelays: readonly string[];
  readonly badFields: readonly string[];
}

/** What a caller got instead of an answer. */
export interface Refusal {
  /** Of the HTTP answer; undefined where the caller's library hides it. */
  readonly http?: number;
  readonly headers: { get(name: string): unknown };
  readonly problem: Problem;
}

/** What one call differs in from a good one; `authorization: ''` sends no token. */
export interface Call {
  readonly text?: string;
  readonly headers?: Record<string, string>;
  /** A route or method that is not there. */
  readonly nowhere?: boolean;
}

export type CallerKind = 'REST' | 'gRPC' | 'gRPC-Web';
export type Caller = (edge: TestEdge, call?: Call) => Promise<Refusal>;

const headersFor = async (edge: TestEdge, own: Record<string, string> = {}): Promise<Record<string, string>> => {
  const { authorization = `Bearer ${await edge.token()}`, ...others } = own;
  return { ...(authorization ? { authorization } : {}), ...others };
};

/** ProcessQuery as each kind of caller calls it. */
export const callers: Record<CallerKind, Caller> = {
  REST: async (edge, { text = 'hello', headers, nowhere } = {}) => {
    const response = await fetch(`${edge.url}${nowhere ? '/v2' : '/v1'}/queries:process`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(await headersFor(edge, headers)) },
      body: JSON.stringify({ text }),
    });
    return refusalOf(response);
  },
  gRPC: async (edge, { text = 'hello', headers, nowhere } = {}) => {
    const channel = createChannel(`127.0.0.1:${edge.port}`);
    const definition = nowhere ? { ...QueryServiceDefinition, fullName: 'replymesh.v9.QueryService' as never } : QueryServiceDefinition;
    const client = createClientFactory().use(errorDetailsClientMiddleware).create(definition, channel);
    let sent: Metadata = Metadata();
    try {
      const metadata = Metadata(await headersFor(edge, headers));
      const onTrailer = (trailer: Metadata) => void (sent = trailer);
      await client.processQuery({ text }, { metadata, onTrailer });
      return { headers: sent, problem: NONE };
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      const extra = error instanceof RichClientError ? error.extra : [];
      return { headers: sent, problem: problemOf(error.code, error.details, extra) };
    } finally {
      channel.close();
    }
  },
  'gRPC-Web': async (edge, { text = 'hello', headers, nowhere } = {}) => {
    const message = ProcessQueryRequest.encode(ProcessQueryRequest.fromPartial({ text })).finish();
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const response = await fetch(`${edge.url}/replymesh.${nowhere ? 'v9' : 'v1'}.QueryService/ProcessQuery`, {
      method: 'POST',
      headers: { 'content-type': 'application/grpc-web+proto', 'x-grpc-web': '1', ...(await headersFor(edge, headers)) },
      body: Buffer.concat([prefix, message]),
    });
    await response.arrayBuffer();
    return webRefusalOf(response);
  },
};
export const kinds: readonly CallerKind[] = ['REST', 'gRPC', 'gRPC-Web'];

/** No problem: the call was answered. */
export const NONE: Problem = { code: Status.OK, message: '', errorInfos: [], retryDelays: [], badFields: [] };

/** A problem that REST callers got as JSON. */
export async function refusalOf(response: Response): Promise<Refusal> {
  const { status: http, headers } = response;
  if (response.ok) return { http, headers, problem: NONE };
  const { code, message, details } = (await response.json()) as { code: number; message: string; details: JsonDetail[] };
  const extra = details.map(({ '@type': type, ...fields }) => ({ $type: type.replace('type.googleapis.com/', ''), ...fields }));
  return { http, headers, problem: problemOf(code, message, extra as unknown as ErrorDetails[]) };
}
type JsonDetail = { '@type': string } & Record<string, unknown>;

/** A problem that gRPC-Web callers got in the headers, as callers without a body do. */
export function webRefusalOf({ status: http, headers }: Response): Refusal {
  const details = headers.get('grpc-status-details-bin');
  if (details === null) return { http, headers, problem: { ...NONE, code: Number(headers.get('grpc-status') ?? Status.OK) } };
  const problem = problemIn(details);
  const said = { code: Number(headers.get('grpc-status')), message: decodeURIComponent(headers.get('grpc-message') ?? '') };
  if (said.code !== problem.code || said.message !== problem.message)
    throw new Error(`The headers say ${JSON.stringify(said)}, the details ${JSON.stringify(problem)}.`);
  return { http, headers, problem };
}

const detailCodecs = [ErrorInfo, RetryInfo, BadRequest];

/** @param base64 of a google.rpc.Status */
export function problemIn(base64: string): Problem {
  const { code, message, details } = RpcStatus.decode(Buffer.from(base64, 'base64'));
  const extra = details.map(({ typeUrl, value }) => detailCodecs.find((c) => typeUrl.endsWith(`/${c.$type}`))!.decode(value));
  return problemOf(code, message, extra);
}

/** What `error` looks like to a caller. */
export const problemFor = (error: Fault): Problem => problemOf(error.code, error.details, error.extra);

/** What `error` is on the wire of gRPC, without padding. */
export const base64Of = (error: Fault): string =>
  Buffer.from(RpcStatus.encode(rpcStatusOf(error)).finish())
    .toString('base64')
    .replace(/=+$/, '');

function problemOf(code: number, message: string, details: readonly ErrorDetails[]): Problem {
  const all = <T extends ErrorDetails['$type']>(type: T) => details.filter((d): d is ErrorDetails & { $type: T } => d.$type === type);
  return {
    code,
    message,
    errorInfos: all('google.rpc.ErrorInfo').map(({ reason, domain, metadata }) => ({ reason, domain, metadata })),
    retryDelays: all('google.rpc.RetryInfo').map(({ retryDelay }) =>
      typeof retryDelay === 'string' ? retryDelay : `${retryDelay?.seconds}s`,
    ),
    badFields: all('google.rpc.BadRequest').flatMap((d) => d.fieldViolations.map((v) => v.field)),
  };
}

type Reason = keyof typeof specs;
const worded = (reason: Reason, message: string, ...details: ErrorDetails[]) => new Fault(reason, specs[reason].code, message, {}, details);

/** What `envoy.yaml` tells gRPC callers: the catalogue's words, and fixed ones where the catalogue's hold what Envoy cannot put into base64. */
export const toldOverGrpc = {
  noKeys: fault('SERVICE_UNREACHABLE', { service: 'identity-provider' }),
  tokenMissing: fault('TOKEN_MISSING', {}),
  tokenInvalid: worded('TOKEN_INVALID', 'The token is not valid. Get a new one.'),
  tokenForeign: worded('TOKEN_FOREIGN', 'The token was made for another audience. Get one for this service.'),
  // gRPC's own code for it, which its libraries know.
  noRoute: new Fault('ROUTE_NOT_FOUND', Status.UNIMPLEMENTED, specs.ROUTE_NOT_FOUND.message({}), {}),
  tooFast: worded('RATE_LIMITED', 'More requests came than this edge takes. Retry after a second.', retryAfter(1000)),
  down: fault('SERVICE_UNREACHABLE', { service: 'gateway' }),
  late: fault('DEADLINE_PASSED', {}),
  refused: worded('BODY_MALFORMED', 'This is not a gRPC call that the edge takes.'),
};
