import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';

/** Asks a service for its health (gRPC health checking protocol) until `close`. */
export function healthProbe(port: number): { isHealthy(): Promise<boolean>; close(): void } {
  const channel = createChannel(`127.0.0.1:${port}`, undefined, { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 100, 'grpc.enable_channelz': 0 });
  const client = createClient(HealthDefinition as never, channel) as unknown as {
    check(request: object, options: { signal: AbortSignal }): Promise<{ status: number }>;
  };
  return {
    isHealthy: () =>
      client.check({}, { signal: AbortSignal.timeout(1000) }).then(
        ({ status }) => status === 1,
        () => false,
      ),
    close: () => channel.close(),
  };
}
