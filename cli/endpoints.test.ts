import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { checkDatabase, checkHttpPort, checkLanguageModel, checkRedis } from './endpoints.js';
import type { Finding } from './finding.js';

async function beside<T>(listener: RequestListener, check: (port: number) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await check((server.address() as AddressInfo).port);
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('the language model that is named', () => {
  const asked = (status: number, more: Record<string, string> = { REPLYMESH_LLM_MODEL: 'small' }): Promise<Finding> =>
    beside(
      (request, response) => response.writeHead(request.url === '/v1/models' ? status : 404).end('{}'),
      (port) => checkLanguageModel({ REPLYMESH_LLM_BASE_URL: `http://127.0.0.1:${port}/v1/`, ...more }),
    );

  it('is well when it answers', async () => {
    expect(await asked(200)).toMatchObject({ ok: true });
  });

  it('gets the key, which a wrong one is told from', async () => {
    expect(await asked(401)).toMatchObject({ ok: false, cure: 'Correct REPLYMESH_LLM_API_KEY.' });
    const sent = await beside(
      (request, response) => response.writeHead(request.headers.authorization === 'Bearer right' ? 200 : 401).end('{}'),
      (port) =>
        checkLanguageModel({
          REPLYMESH_LLM_BASE_URL: `http://127.0.0.1:${port}`,
          REPLYMESH_LLM_MODEL: 'small',
          REPLYMESH_LLM_API_KEY: 'right',
        }),
    );
    expect(sent.ok).toBe(true);
  });

  it('is not well when it is broken, or when no model is named', async () => {
    expect(await asked(503)).toMatchObject({ ok: false, detail: expect.stringContaining('HTTP 503') });
    expect(await asked(200, {})).toMatchObject({ ok: false, cure: 'Set REPLYMESH_LLM_MODEL.' });
  });
});

describe('a port that is taken', () => {
  it.each<[string, RequestListener]>([
    ['a page', (_, response) => response.end('<p>Hello</p>')],
    ['an error of its own', (_, response) => response.writeHead(401).end('{"code":401,"message":"no"}')],
    ['nothing at all', (_, response) => response.destroy()],
  ])('is not taken for a mesh when it answers with %s', async (_, listener) => {
    expect(await beside(listener, checkHttpPort)).toMatchObject({ ok: false, cure: expect.stringContaining('REPLYMESH_HTTP_PORT') });
  });
});

describe('a URL that is none', () => {
  it('is told with the variable to correct, and is not repeated', async () => {
    const findings = await Promise.all([
      checkDatabase('mysql://ada:hunter2@db'),
      checkRedis('ada:hunter2'),
      checkLanguageModel({ REPLYMESH_LLM_BASE_URL: 'hunter2' }),
    ]);
    expect(findings.map((finding) => finding.cure)).toEqual([
      'Correct or unset DATABASE_URL.',
      'Correct or unset REDIS_URL.',
      'Start it, or correct or unset REPLYMESH_LLM_BASE_URL.',
    ]);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });
});
