import { connect } from 'node:net';
import type { Environment } from '../lib/config.js';
import { type Finding, ill, well } from './finding.js';
import { statusOfJson } from './rpcStatus.js';

/** Longest wait for one answer. */
const WAIT_MS = 3000;

export async function checkHttpPort(port: number): Promise<Finding> {
  if (!(await listens(port))) return well('http port', `${port} is free`);
  const answer = await fetch(`http://127.0.0.1:${port}/v1/queries`, { signal: AbortSignal.timeout(WAIT_MS) }).catch(() => undefined);
  // A mesh refuses a call without a token in a way of its own.
  const status = statusOfJson(await answer?.json().catch(() => undefined));
  return status?.reason === 'TOKEN_MISSING'
    ? well('http port', `a mesh answers on ${port}`)
    : taken('http port', port, 'REPLYMESH_HTTP_PORT');
}

export async function checkGrpcPort(port: number, meshRuns: boolean): Promise<Finding> {
  if (meshRuns) return well('grpc port', `a mesh answers on ${port}`);
  return (await listens(port)) ? taken('grpc port', port, 'REPLYMESH_GRPC_PORT') : well('grpc port', `${port} is free`);
}

const taken = (check: string, port: number, variable: string): Finding =>
  ill(check, `something else listens on ${port}`, `End it, or set ${variable} to another port.`);

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: WAIT_MS });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once('connect', () => end(true))
      .once('error', () => end(false))
      .once('timeout', () => end(false));
  });

/** Postgres, where `DATABASE_URL` names one. */
export async function checkDatabase(raw: string | undefined): Promise<Finding> {
  if (!raw) return well('database', 'embedded');
  if (!hasProtocol(raw, ['postgres:', 'postgresql:']))
    return ill('database', 'DATABASE_URL is not a postgres:// URL', 'Correct or unset DATABASE_URL.');
  const { default: pg } = await import('pg');
  const client = new pg.Client({ connectionString: raw, connectionTimeoutMillis: WAIT_MS, query_timeout: WAIT_MS });
  // What breaks later is told by the query; without a listener it would end the process.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: string; vector: boolean }>(
      "SELECT current_setting('server_version') AS version, EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') AS vector",
    );
    const { version, vector } = rows[0]!;
    return well('database', `Postgres ${version.split(' ')[0]} at ${placeOf(raw)}, ${vector ? 'with' : 'without'} pgvector`);
  } catch (error) {
    return ill('database', `Postgres at ${placeOf(raw)}: ${codeOf(error)}`, 'Start it, or correct or unset DATABASE_URL.');
  } finally {
    await client.end().catch(() => {});
  }
}

/** Redis, where `REDIS_URL` names one. */
export async function checkRedis(raw: string | undefined): Promise<Finding> {
  if (!raw) return well('cache', 'in the process');
  if (!hasProtocol(raw, ['redis:', 'rediss:'])) return ill('cache', 'REDIS_URL is not a redis:// URL', 'Correct or unset REDIS_URL.');
  const { Redis } = await import('ioredis');
  const redis = new Redis(raw, {
    lazyConnect: true,
    connectTimeout: WAIT_MS,
    commandTimeout: WAIT_MS,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // ioredis tells why it could not connect in this event alone; the promise only says that the connection is closed.
  let cause: unknown;
  redis.on('error', (error) => {
    cause = error;
  });
  try {
    await redis.connect();
    await redis.ping();
    return well('cache', `Redis at ${placeOf(raw)}`);
  } catch (error) {
    return ill('cache', `Redis at ${placeOf(raw)}: ${codeOf(cause ?? error)}`, 'Start it, or correct or unset REDIS_URL.');
  } finally {
    redis.disconnect();
  }
}

/** The language model's endpoint, where one is named. Asks for the list of models, which costs nothing. */
export async function checkLanguageModel(env: Environment): Promise<Finding> {
  const raw = env['REPLYMESH_LLM_BASE_URL'];
  const check = 'language model';
  if (!raw) return well(check, 'none: replies are approved wording');
  const cure = 'Start it, or correct or unset REPLYMESH_LLM_BASE_URL.';
  if (!hasProtocol(raw, ['http:', 'https:'])) return ill(check, 'REPLYMESH_LLM_BASE_URL is not an http:// or https:// URL', cure);
  const key = env['REPLYMESH_LLM_API_KEY'];
  const url = new URL(raw);
  // fetch refuses a URL with a password in it.
  url.username = '';
  url.password = '';
  try {
    const { status } = await fetch(`${url.href.replace(/\/+$/, '')}/models`, {
      ...(key ? { headers: { authorization: `Bearer ${key}` } } : {}),
      signal: AbortSignal.timeout(WAIT_MS),
    });
    if (status === 401 || status === 403)
      return ill(check, `${url.host} refuses the key (HTTP ${status})`, 'Correct REPLYMESH_LLM_API_KEY.');
    if (status >= 500) return ill(check, `${url.host} answers HTTP ${status}`, cure);
    return env['REPLYMESH_LLM_MODEL']
      ? well(check, `${url.host} answers`)
      : ill(check, `${url.host} answers, no model is named`, 'Set REPLYMESH_LLM_MODEL.');
  } catch (error) {
    return ill(check, `${url.host} does not answer: ${codeOf((error as Error).cause ?? error)}`, cure);
  }
}

const hasProtocol = (raw: string, protocols: readonly string[]): boolean => URL.canParse(raw) && protocols.includes(new URL(raw).protocol);

/** Host, port and path of a URL, without user and password. */
function placeOf(raw: string): string {
  const { host, pathname } = new URL(raw);
  return `${host}${pathname === '/' ? '' : pathname}`;
}

/** The system's or server's code where there is one: messages may repeat what was sent. */
function codeOf(error: unknown): string {
  const { code, name, message } = error as { code?: unknown; name?: string; message?: string };
  if (typeof code === 'string') return code;
  return /timeout/i.test(`${name} ${message}`) ? 'no answer in time' : (name ?? 'failed');
}
