import { setTimeout as wait } from 'node:timers/promises';
import { ServerError, Status } from 'nice-grpc';
import { afterEach, describe, expect, it } from 'vitest';
import { KnowledgeServiceDefinition } from '../../gen/replymesh/v1/knowledge_service.js';
import { meshPrincipal } from '../../lib/access.js';
import { background } from '../../lib/call.js';
import { parseConfig } from '../../lib/config.js';
import { serve, startServer } from '../../lib/server.js';
import { GatewayConfig } from './config.js';
import { connections } from './connections.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});
const SERVER = { listen: '127.0.0.1:0', metricsAddress: '127.0.0.1:0', deadlineMs: 5000, drainMs: 200 };
const CONTEXT_TIMEOUT_MS = 100;
const unused = (): never => {
  throw new ServerError(Status.UNIMPLEMENTED, 'not part of this test');
};

/** A context that takes longer for an import than a query may wait for it. */
async function slowContext() {
  const server = await startServer(SERVER, meshPrincipal, [
    serve(KnowledgeServiceDefinition, {
      createArticle: unused,
      getArticle: unused,
      listArticles: unused,
      updateArticle: unused,
      deleteArticle: unused,
      searchArticles: unused,
      importArticles: async () => {
        await wait(5 * CONTEXT_TIMEOUT_MS);
        return { articles: [] };
      },
    }),
  ]);
  const to = connections(
    parseConfig(GatewayConfig, {
      REPLYMESH_CONTEXT_ADDRESS: `127.0.0.1:${server.port}`,
      REPLYMESH_CONTEXT_TIMEOUT_MS: String(CONTEXT_TIMEOUT_MS),
      REPLYMESH_JWKS: 'keys.json',
      REPLYMESH_SPOOL_DIR: 'spool',
    }),
  );
  open.push(server, to);
  return to;
}
const articles = [{ id: 'returns', title: 'Returns', body: 'Thirty days.' }];
const within = (timeoutMs: number) => ({ within: background({ tenant: 'demo', timeoutMs }) });

describe('a call that is only passed on', () => {
  it('takes as long as its caller waits, and no longer', async () => {
    const { knowledge } = await slowContext();
    expect(await knowledge.client.importArticles({ articles }, within(5000))).toEqual({ articles: [] });
    await expect(knowledge.client.importArticles({ articles }, within(CONTEXT_TIMEOUT_MS))).rejects.toMatchObject({
      code: Status.DEADLINE_EXCEEDED,
    });
  });
});
