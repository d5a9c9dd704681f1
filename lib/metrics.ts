import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { registry as grpcRegistry } from 'nice-grpc-prometheus';
import { Counter, collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import { StartError } from './errors.js';

/** Every metric of the process: Node's own, the gRPC ones, and those that services add. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

export const apiRequests = new Counter({
  name: 'api_requests_total',
  help: 'Calls of the API, by HTTP method, route and HTTP status.',
  labelNames: ['method', 'endpoint', 'status'],
  registers: [registry],
});

export const apiRequestDuration = new Histogram({
  name: 'api_request_duration_seconds',
  help: 'Duration of API calls in seconds.',
  labelNames: ['method', 'endpoint'],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8],
  registers: [registry],
});

export const errors = new Counter({
  name: 'errors_total',
  help: 'Failed calls, and failures that a stream tells in a message, by reason of the error catalogue.',
  labelNames: ['error_type'],
  registers: [registry],
});

/** Serves `/metrics` in Prometheus' text format on `address`. @throws StartError when the port is taken */
export async function serveMetrics(address: string): Promise<{ port: number; close(): Promise<void> }> {
  const colon = address.lastIndexOf(':');
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') {
      response.writeHead(404).end();
      return;
    }
    void Promise.all([registry.metrics(), grpcRegistry.metrics()]).then(
      (texts) => response.writeHead(200, { 'content-type': registry.contentType }).end(texts.join('\n')),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new StartError(`Cannot serve metrics on ${address}: ${error.message}. Set REPLYMESH_METRICS_ADDRESS.`)),
    );
    server.listen(Number(address.slice(colon + 1)), address.slice(0, colon).replace(/^\[|\]$/g, ''), resolve);
  });
  server.unref();
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
