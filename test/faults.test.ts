import { setTimeout as wait } from 'node:timers/promises';
import { Metadata } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, type Decision, DecisionReason, Degradation } from '../gen/replymesh/type/v1/decision.js';
import type { ServiceName } from '../mesh/mesh.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let t: TestMesh;
beforeAll(async () => {
  t = await startTestMesh({ withEnvoy: false });
});
afterAll(() => t?.stop());

const DEADLINE_MS = 10_000;
const ask = async (n: number, deadlineMs = DEADLINE_MS): Promise<Decision> => {
  const { decision } = await t.queries.processQuery(
    { text: `Where is my refund number ${n}?`, requestId: `fault-${n}` },
    {
      metadata: Metadata({ authorization: `Bearer ${t.token}`, 'grpc-timeout': `${deadlineMs}m` }),
      signal: AbortSignal.timeout(deadlineMs),
    },
  );
  return decision!;
};

/** Stops a process without ending it: its connections stay open, and nobody answers. */
async function whileHung(service: ServiceName, during: () => Promise<void>): Promise<void> {
  const program = t.mesh.programs.get(service)!;
  program.kill('SIGSTOP');
  try {
    await during();
  } finally {
    program.kill('SIGCONT');
  }
}

/** Asks without a pause from four callers while `during` runs. */
async function askWhile(from: number, during: () => Promise<void>): Promise<Decision[]> {
  const answers: Decision[] = [];
  let over = false;
  let n = from;
  const callers = Array.from({ length: 4 }, async () => {
    while (!over) answers.push(await ask(n++));
  });
  await during().finally(() => (over = true));
  await Promise.all(callers);
  return answers;
}

describe.each<[ServiceName, Degradation, number]>([
  ['inference', Degradation.INFERENCE_UNAVAILABLE, 10_000],
  ['generator', Degradation.GENERATOR_UNAVAILABLE, 20_000],
  ['context', Degradation.CONTEXT_UNAVAILABLE, 30_000],
])('%s killed while queries run', (service, degradation, from) => {
  it('leaves every query answered, says what was missing, loses nothing and comes back', async () => {
    const program = t.mesh.programs.get(service)!;
    const answers = await askWhile(from, async () => {
      await wait(300);
      const before = program.pid();
      program.kill('SIGKILL');
      await expect.poll(() => program.pid() !== before, { timeout: 10_000 }).toBe(true);
      // Full service: a query without any lesser answer, within 5 s of the service being up again.
      await expect
        .poll(() => ask(from - 1 - Math.floor(Math.random() * 5000)).then((d) => d.degraded), { timeout: 20_000, interval: 200 })
        .toEqual([]);
    });
    const degraded = answers.filter((a) => a.degraded.includes(degradation));
    expect(degraded.length).toBeGreaterThan(0);
    if (service === 'inference') expect(degraded.every((a) => a.action === Action.ESCALATE)).toBe(true);
    expect(degraded.every((a) => a.action !== Action.AUTO)).toBe(true);
    await expect
      .poll(
        async () => {
          const found = await Promise.all(
            answers.map((a) =>
              t.queries.getQuery({ id: a.id }).then(
                () => true,
                () => false,
              ),
            ),
          );
          return found.filter((f) => !f).length;
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBe(0);
  });
});

describe.each<[ServiceName, Degradation, number]>([
  ['inference', Degradation.INFERENCE_UNAVAILABLE, 40_000],
  ['generator', Degradation.GENERATOR_UNAVAILABLE, 50_000],
  ['context', Degradation.CONTEXT_UNAVAILABLE, 60_000],
])('%s that hangs', (service, degradation, from) => {
  it('leaves time to answer within the deadline, however short that is, and full service returns with it', async () => {
    const answers: Decision[] = [];
    await whileHung(service, async () => {
      answers.push(await ask(from), ...(await Promise.all([ask(from + 1, 4000), ask(from + 2, 2000)])));
    });
    for (const { degraded, action } of answers) {
      expect(degraded).toContain(degradation);
      expect(action).not.toBe(Action.AUTO);
    }
    let next = from + 10;
    await expect.poll(() => ask(next++).then((d) => d.degraded), { timeout: 30_000, interval: 200 }).toEqual([]);
    const found = answers.map(({ id }) => t.queries.getQuery({ id }).then(({ query }) => query?.id));
    expect(await Promise.all(found)).toEqual(answers.map(({ id }) => id));
  });
});

describe('a gateway that is stopped while a reply is written', () => {
  it('records what it accepted, for a person', async () => {
    const gateway = t.mesh.programs.get('gateway')!;
    let id = '';
    await whileHung('generator', async () => {
      const before = gateway.pid();
      const events = t.queries.streamQuery({ query: { text: 'Where is my refund?' } }, { signal: AbortSignal.timeout(DEADLINE_MS) });
      const told = (async () => {
        for await (const { event } of events) if (event?.$case === 'understood') return event.value.id;
        return 'nothing';
      })();
      id = await told;
      gateway.kill('SIGTERM');
      await expect.poll(() => gateway.pid() !== before, { timeout: 30_000 }).toBe(true);
    });
    const recorded = () =>
      t.queries.getQuery({ id }).then(
        ({ query }) => query?.decision?.reason,
        () => 'not yet',
      );
    await expect.poll(recorded, { timeout: 30_000, interval: 200 }).toBe(DecisionReason.INCOMPLETE_REPLY);
  });
});
