/**
 * A small endpoint that speaks the OpenAI protocol for streamed chat completions, over real HTTP, and fails on request.
 * Started as a program (`node dist/test/llmServer.js 8099`) it is a language model for demonstrations: it answers with sentences of the passages.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

/** How a reply ends after its chunks. */
export type Ending =
  | 'FINISH' // finish reason, usage, [DONE]
  | 'NO_FINISH_REASON' // [DONE] alone
  | 'CUT' // the body ends cleanly, without anything
  | 'RESET' // TCP RST
  | 'SILENCE' // nothing more, the connection stays open
  | 'RESET_AFTER_FINISH' // TCP RST between finish reason and usage
  | 'ENDLESS' // the last chunk again and again
  | 'GARBAGE' // an event that is no JSON
  | 'ERROR_EVENT'; // an event with an error

/** One scripted reply. */
export interface LlmReply {
  /** HTTP status; other than 200 there is an error body and nothing else. */
  readonly status?: number;
  /** The text, in the pieces in which it is sent. */
  readonly chunks?: readonly string[];
  /** Time before each piece, milliseconds. */
  readonly chunkDelayMs?: number;
  readonly ending?: Ending;
  readonly finishReason?: string;
  /** Tokens reported; null for an endpoint that reports none. */
  readonly usage?: { readonly prompt: number; readonly completion: number } | null;
  /** Accept the request and never send headers. */
  readonly silentBeforeHeaders?: boolean;
}

export interface LlmRequest {
  readonly headers: IncomingMessage['headers'];
  readonly body: {
    readonly model: string;
    readonly messages: readonly { readonly role: string; readonly content: string }[];
    readonly [key: string]: unknown;
  };
}

export interface LlmServer {
  /** For REPLYMESH_LLM_BASE_URL. */
  readonly baseUrl: string;
  /** Every request, in order. */
  readonly requests: readonly LlmRequest[];
  /** Requests whose caller left before the reply was whole. */
  aborted(): number;
  /** What the next requests get, in order; then come demonstration answers again. */
  script(...replies: readonly LlmReply[]): void;
  /** What every request gets that no script is left for. */
  always(reply: LlmReply | undefined): void;
  close(): Promise<void>;
}

/** Starts the endpoint on loopback; port 0 takes a free one. */
export async function startLlmServer(port = 0): Promise<LlmServer> {
  const requests: LlmRequest[] = [];
  let scripted: LlmReply[] = [];
  let standing: LlmReply | undefined;
  let aborted = 0;
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      if (request.method !== 'POST' || request.url !== '/v1/chat/completions') return sendError(response, 404);
      const body = JSON.parse(text) as LlmRequest['body'];
      requests.push({ headers: request.headers, body });
      response.on('close', () => {
        if (!response.writableFinished) aborted += 1;
      });
      return answer(response, body, scripted.shift() ?? standing ?? demonstration(body));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    aborted: () => aborted,
    script: (...replies) => {
      scripted = [...replies];
    },
    always: (reply) => {
      standing = reply;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function sendError(response: ServerResponse, status: number): void {
  response
    .writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' })
    .end(JSON.stringify({ error: { message: `scripted ${status}`, type: 'scripted' } }));
}

async function answer(response: ServerResponse, body: LlmRequest['body'], reply: LlmReply): Promise<void> {
  const { status = 200, chunks = [], chunkDelayMs = 0, ending = 'FINISH', usage = { prompt: 100, completion: 20 } } = reply;
  if (reply.silentBeforeHeaders) return;
  if (status !== 200) return sendError(response, status);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const base = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 0, model: body.model };
  const send = (data: unknown): Promise<void> => sent(response, `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`);
  const sendText = (content: string) => send({ ...base, choices: [{ index: 0, delta: { content }, finish_reason: null }] });
  const sendFinish = () => send({ ...base, choices: [{ index: 0, delta: {}, finish_reason: reply.finishReason ?? 'stop' }] });
  for (const chunk of chunks) {
    if (chunkDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, chunkDelayMs));
    await sendText(chunk);
  }
  switch (ending) {
    case 'FINISH':
      await sendFinish();
      if (usage)
        await send({
          ...base,
          choices: [],
          usage: { prompt_tokens: usage.prompt, completion_tokens: usage.completion, total_tokens: usage.prompt + usage.completion },
        });
      await send('[DONE]');
      response.end();
      return;
    case 'NO_FINISH_REASON':
      await send('[DONE]');
      response.end();
      return;
    case 'CUT':
      response.end();
      return;
    case 'RESET_AFTER_FINISH':
      await sendFinish();
      response.socket?.resetAndDestroy();
      return;
    case 'RESET':
      response.socket?.resetAndDestroy();
      return;
    case 'SILENCE':
      return;
    case 'ENDLESS':
      while (!response.destroyed) await sendText(chunks.at(-1) ?? 'and ');
      return;
    case 'GARBAGE':
      await send('{"choices": [');
      response.end();
      return;
    case 'ERROR_EVENT':
      await send({ error: { message: 'scripted error', type: 'server_error' } });
      response.end();
      return;
    default:
      ending satisfies never;
  }
}

/** Writes and waits until it has left, so that an endless reply does not fill the memory. */
function sent(response: ServerResponse, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed) resolve();
    else response.write(text, () => setImmediate(resolve));
  });
}

/** What a language model would say that does as it is told: the first sentences of the first passage, word by word, with their mark. */
function demonstration(body: LlmRequest['body']): LlmReply {
  const content = body.messages.at(-1)?.content ?? '';
  const block = /^<data [0-9a-f]+>\n([^<>]*)\n<\/data/.exec(content)?.[1] ?? '{}';
  const { passages = [] } = JSON.parse(block) as { passages?: { text: string }[] };
  const sentences = (passages[0]?.text ?? 'I do not have the information.').match(/[^.!?]+[.!?]+(?=\s|$)/g)?.slice(0, 3) ?? [];
  const text = sentences.map((sentence) => `${sentence.trim().replace(/^\d+\.\s*/, '')}${passages.length > 0 ? ' [1]' : ''}`).join(' ');
  const chunks = text.match(/\S+\s*/g) ?? [];
  return { chunks, chunkDelayMs: 5, usage: { prompt: Math.ceil(content.length / 4), completion: chunks.length } };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startLlmServer(Number(process.argv[2] ?? 8099));
  process.stdout.write(`REPLYMESH_LLM_BASE_URL=${server.baseUrl} REPLYMESH_LLM_MODEL=demonstration\n`);
}
