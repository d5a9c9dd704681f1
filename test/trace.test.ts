import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestMesh, type TestMesh } from './mesh.js';

interface Span {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
}
interface Export {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
}

/** Takes spans as a collector does (OTLP over HTTP, JSON). */
const spans: Span[] = [];
const collector = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  for (const { resource, scopeSpans } of (JSON.parse(Buffer.concat(chunks).toString()) as Export).resourceSpans) {
    const service = resource.attributes.find((a) => a.key === 'service.name')?.value.stringValue ?? '';
    spans.push(...scopeSpans.flatMap((s) => s.spans.map((span) => ({ ...span, service }))));
  }
  response.setHeader('content-type', 'application/json').end('{}');
});

let t: TestMesh;
beforeAll(async () => {
  collector.listen(0, '127.0.0.1');
  await once(collector, 'listening');
  const { port } = collector.address() as { port: number };
  t = await startTestMesh({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_BSP_SCHEDULE_DELAY: '100' } });
});
afterAll(async () => {
  await t?.stop();
  collector.close();
});

it('one trace, begun by the caller, covers every hop of a query', async () => {
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const { status } = await t.rest(
    'POST',
    '/v1/queries:process',
    { text: 'Where is my refund?' },
    { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
  );
  expect(status).toBe(200);
  const ofTrace = () => spans.filter((s) => s.traceId === traceId);
  await expect
    .poll(() => [...new Set(ofTrace().map((s) => s.service))].sort(), { timeout: 20_000 })
    .toEqual(['context', 'gateway', 'generator', 'inference']);
  // Every span but the caller's own hangs on another one of the trace. Spans come in batches, a parent's often last.
  const orphans = () => {
    const ids = new Set([...ofTrace().map((s) => s.spanId), 'b7ad6b7169203331']);
    return ofTrace().filter((s) => !ids.has(s.parentSpanId));
  };
  await expect.poll(() => orphans().map((s) => s.name), { timeout: 20_000 }).toEqual([]);
  expect(JSON.stringify(spans)).not.toContain('refund');
});
