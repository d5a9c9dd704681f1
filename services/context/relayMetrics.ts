import { Counter, Gauge } from 'prom-client';
import { registry } from '../../lib/metrics.js';
import type { Sink } from './relaySink.js';

export const relayEvents = new Counter({
  name: 'relay_events_total',
  help: 'Events handed to a sink: "delivered", or "failed" when they have to go again.',
  labelNames: ['sink', 'result'],
  registers: [registry],
});

export const relayDeadLetters = new Counter({
  name: 'relay_dead_letters_total',
  help: 'Events that a sink refused however often they were tried, and that were put aside.',
  labelNames: ['sink'],
  registers: [registry],
});

/** Since when the oldest event waits that a sink has not got; undefined without any. Told by the instance that relays to it alone. */
export const waitingSince = new Map<Sink['name'], Date | undefined>();

new Gauge({
  name: 'relay_lag_seconds',
  help: 'Age of the oldest event that a sink has not got yet; 0 without any.',
  labelNames: ['sink'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [sink, since] of waitingSince)
      this.set({ sink }, since === undefined ? 0 : Math.max(0, (Date.now() - since.getTime()) / 1000));
  },
});
