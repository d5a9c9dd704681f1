/** An event as it stands in the outbox. */
export interface OutboxEvent {
  readonly transactionId: string;
  readonly position: number;
  readonly tenant: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly createdAt: Date;
}

/** An event that a sink refuses for what it is, whenever it comes. */
export interface Refusal {
  readonly event: OutboxEvent;
  readonly error: string;
}

/** Where events are carried to. */
export interface Sink {
  readonly name: 'dynamodb' | 's3' | 'eventbridge' | 'mlflow' | 'bundles' | 'shadow';
  /** Most events that it is handed at once. */
  readonly batchSize: number;
  /** How many of these go together, from the first on, and from when on they may when the batch is not full; without it all of them at once. */
  readonly due?: (events: readonly OutboxEvent[]) => { readonly count: number; readonly at: Date };
  /** Carries them; the same ones may come again. @returns those that it refuses for what they are @throws when others could not be carried now */
  deliver(events: readonly OutboxEvent[], signal: AbortSignal): Promise<readonly Refusal[]>;
  close(): void;
}

/** An event as it reaches whoever reads it. */
export const envelope = (event: OutboxEvent) => ({
  event_id: event.id,
  type: event.type,
  tenant: event.tenant,
  subject: event.subject,
  time: event.createdAt.toISOString(),
  payload: event.payload,
});

/**
 * Sends all at once. When they are refused as a whole, one by one, so that the bad one is found and the others pass.
 * @param send tells those that were refused by themselves
 */
export async function sendOrFindRefused(
  events: readonly OutboxEvent[],
  send: (events: readonly OutboxEvent[]) => Promise<readonly Refusal[]>,
  isRefusal: (error: unknown) => error is Error,
): Promise<readonly Refusal[]> {
  try {
    return await send(events);
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const [event, ...others] = events;
    if (event && others.length === 0) return [{ event, error: `${error.name}: ${error.message}` }];
  }
  const refused: Refusal[] = [];
  for (const event of events) refused.push(...(await sendOrFindRefused([event], send, isRefusal)));
  return refused;
}

/** Groups of at most `size`, in order. */
export const inGroupsOf = <T>(size: number, items: readonly T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** Doubles from `firstMs` to half a minute. Half of it is chance, so that those who failed together do not come back together. @param random 0 to 1 */
export const backoffMs = (failures: number, random: number, firstMs = 500): number =>
  Math.min(30_000, firstMs * 2 ** (failures - 1)) * (0.5 + random / 2);
