import { createChannel, createClient } from 'nice-grpc';
import { HealthDefinition } from 'nice-grpc-server-health';

/** Asks the service on a loopback port for its health (gRPC health checking protocol). */
export async function isServing(port: number): Promise<boolean> {
  const channel = createChannel(`127.0.0.1:${port}`, undefined, { 'grpc.enable_channelz': 0 });
  try {
    const { status } = await createClient(HealthDefinition, channel).check({ service: '' }, { signal: AbortSignal.timeout(1000) });
    return status === 1;
  } catch {
    return false;
  } finally {
    channel.close();
  }
}
