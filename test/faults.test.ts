import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Action, type Decision, Degradation } from '../gen/replymesh/type/v1/decision.js';
import type { ServiceName } from '../mesh/mesh.js';
import { startTestMesh, type TestMesh } from './mesh.js';

let t: TestMesh;
beforeAll(async () => {
  t = await startTestMesh({ withEnvoy: false });
});
afterAll(() => t?.stop());

const DEADLINE_MS = 10_000;
const ask = async (n: number): Promise<Decision> => {
  const { decision } = await t.queries.processQuery(
    { text: `Where is my refund number ${n}?`, requestId: `fault-${n}` },
    { signal: AbortSignal.timeout(DEADLINE_MS) },
  );
  return decision!;
};

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
