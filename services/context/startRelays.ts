import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { MeshClient } from '../../lib/client.js';
import type { ConfigOf } from '../../lib/config.js';
import type { Closable } from '../../lib/shutdown.js';
import { startOutboxExpiry } from './outboxExpiry.js';
import { startRelay } from './relay.js';
import type { relaySettings } from './relaySettings.js';
import type { Sink } from './relaySink.js';
import type { Store } from './store.js';

interface Parts {
  readonly store: Store;
  readonly config: ConfigOf<typeof relaySettings>;
  /** Reads the bundles that are uploaded. */
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'readBundleFile'>;
  readonly now: () => Date;
}

/** Relays the outbox to every sink that is set, and forgets what all of them have. @throws StartError when a sink cannot be used as it is set */
export async function startRelays({ store, config, inference, now }: Parts): Promise<Closable> {
  const sinks = await openSinks(config, inference);
  const expiry = startOutboxExpiry({ store, sinks: sinks.map(({ name }) => name), retentionDays: config.outboxRetentionDays, now });
  const relays = sinks.map((sink) => startRelay({ store, sink, now }));
  return {
    // They end together.
    closeMs: Math.max(0, ...relays.map(({ closeMs = 0 }) => closeMs)),
    close: async () => void (await Promise.all([expiry, ...relays].map((part) => part.close()))),
  };
}

/** Each is loaded where it is set only: the SDK takes long to load. */
async function openSinks(config: Parts['config'], inference: Parts['inference']): Promise<Sink[]> {
  const endpoint = config.relayAwsEndpoint;
  const sinks: Sink[] = [];
  if (config.relayDynamodbTable !== undefined) {
    const { openDynamodbSink } = await import('./relayToDynamodb.js');
    sinks.push(await openDynamodbSink({ table: config.relayDynamodbTable, endpoint }));
  }
  if (config.relayS3Bucket !== undefined) {
    const { openS3Sink } = await import('./relayToS3.js');
    sinks.push(await openS3Sink({ bucket: config.relayS3Bucket, endpoint, flushMs: config.relayS3FlushMs }));
    const { openBundleSink } = await import('./relayBundles.js');
    sinks.push(await openBundleSink({ bucket: config.relayS3Bucket, endpoint, inference }));
  }
  if (config.relayEventbridgeBus !== undefined) {
    const { openEventbridgeSink } = await import('./relayToEventbridge.js');
    sinks.push(await openEventbridgeSink({ bus: config.relayEventbridgeBus, endpoint }));
  }
  if (config.relayMlflowUri !== undefined) {
    const { openMlflowSink } = await import('./relayToMlflow.js');
    sinks.push(openMlflowSink({ uri: config.relayMlflowUri, windowMs: config.relayMlflowWindowMs }));
  }
  return sinks;
}
