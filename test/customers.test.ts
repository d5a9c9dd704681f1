import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CustomerTier, ResolutionStatus } from '../gen/replymesh/type/v1/customer.js';
import { packageRoot } from '../lib/packageRoot.js';
import { writeTinyBundle } from '../services/inference/tinyBundle.fixture.js';
import { startTestMesh, type TestMesh } from './mesh.js';

vi.setConfig({ testTimeout: 60_000 });

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

let work: string;
let t: TestMesh;
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'replymesh-customers-'));
  t = await startTestMesh({
    env: { REPLYMESH_BUNDLE_DIR: await writeTinyBundle(join(work, 'bundle')), REPLYMESH_INFERENCE_WORKERS: '1' },
  });
});
afterAll(async () => {
  await t?.stop();
  await rm(work, { recursive: true, force: true });
});

const replymesh = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  new Promise((resolve) => {
    const there = { REPLYMESH_GRPC_PORT: String(t.mesh.grpcPort), REPLYMESH_DATA_DIR: t.dataDir };
    const options = { cwd: work, env: { PATH: process.env['PATH'] ?? '', ...there, REPLYMESH_TOKEN: t.token } };
    execFile(process.execPath, [MAIN, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
/** What the next decision of a customer is made from. */
const featuresOf = async (customerId: string) =>
  (await t.queries.processQuery({ text: 'Where is my refund?', customerId })).decision?.evidence?.features;

describe.skipIf(process.env['REPLYMESH_NO_ENVOY'] === '1')('over REST', () => {
  it('a profile is stored, read and changed, and the next decision is made with it', async () => {
    const facts = [{ key: 'order.number', value: 'NW-77', type: 'FACT_TYPE_NUMBER' }];
    const body = { displayName: 'Zoe', tier: 'CUSTOMER_TIER_PREMIUM', facts };
    expect((await t.rest('PATCH', '/v1/customers/crm:zoe', body)).status).toBe(404);
    expect(await t.rest('PATCH', '/v1/customers/crm:zoe?allowMissing=true', body)).toMatchObject({
      status: 200,
      json: { customer: { id: 'crm:zoe', ...body }, created: true, changed: true },
    });
    expect(await featuresOf('crm:zoe')).toMatchObject({ tier: CustomerTier.PREMIUM });
    const changed = await t.rest('PATCH', '/v1/customers/crm:zoe?updateMask=facts,language', { displayName: 'x', language: 'de' });
    expect(changed).toMatchObject({ status: 200, json: { customer: { displayName: 'Zoe', language: 'de' } } });
    expect((await t.rest('GET', '/v1/customers/crm:zoe')).json).toEqual({
      customer: { id: 'crm:zoe', displayName: 'Zoe', tier: 'CUSTOMER_TIER_PREMIUM', language: 'de' },
    });
    expect((await t.rest('GET', '/v1/customers/nobody')).json).toMatchObject({ details: [{ reason: 'CUSTOMER_NOT_FOUND' }] });
  });

  it('an interaction is masked and counted, once for each Idempotency-Key', async () => {
    const call = (summary: string) =>
      t.rest(
        'POST',
        '/v1/customers/cus_new/interactions',
        { type: 'CALL', summary, resolutionStatus: 'RESOLUTION_STATUS_OPEN' },
        { 'idempotency-key': 'i-1' },
      );
    const first = await call('Ring Zoe back at +49 30 901820, or zoe@example.com.');
    const summary = 'Ring Zoe back at {{PHONE_1}}, or {{EMAIL_1}}.';
    expect(first).toMatchObject({ status: 200, json: { interaction: { type: 'CALL', summary }, created: true } });
    const { interaction } = first.json as { interaction: object };
    expect((await call('Ring Zoe back at +49 30 901820, or zoe@example.com.')).json).toEqual({ interaction });
    expect((await call('Something else.')).status).toBe(409);
    expect(await featuresOf('cus_new')).toMatchObject({ interactionsTotal: 1, openInteractions: 1 });
    const { id } = interaction as { id: string };
    const body = { resolutionStatus: 'RESOLUTION_STATUS_RESOLVED', summary: 'Rang +49 30 901820.' };
    const changed = await t.rest('PATCH', `/v1/customers/cus_new/interactions/${id}`, body);
    const line = { ...interaction, ...body, summary: 'Rang {{PHONE_1}}.' };
    expect(changed).toMatchObject({ status: 200, json: { interaction: line, changed: true } });
    // The question before is a line too, and waits for a person.
    const { openInteractions, interactionsTotal } = (await featuresOf('cus_new'))!;
    expect(interactionsTotal - openInteractions).toBeGreaterThanOrEqual(1);
    const exported = (await t.rest('GET', '/v1/customers/cus_new:export')).json as { interactions: { type: string }[] };
    expect(exported.interactions.filter(({ type }) => type === 'CALL')).toEqual([line]);
  });
});

it('a summary that masks make too long is cut', async () => {
  const summary = 'a@b.io '.repeat(140);
  const { interaction } = await t.customers.createInteraction({ customerId: 'cus_long', interaction: { type: 'CALL', summary } });
  expect(interaction?.summary).toMatch(/^(\{\{EMAIL_1\}\} )+\{*\w*\}*$/);
  expect(interaction?.summary).toHaveLength(1000);
});

it('nobody stores or reads customers without the scope', async () => {
  const codeOf = (call: Promise<unknown>) =>
    call.then(
      () => 'done',
      (error: unknown) => (error as ClientError).code,
    );
  const other = await t.as('demo', ['customers.export', 'customers.erase', 'queries.write']);
  expect(await codeOf(t.customers.getCustomer({ id: 'cus_ada' }, other))).toBe(Status.PERMISSION_DENIED);
  expect(await codeOf(t.customers.updateCustomer({ customer: { id: 'cus_ada', tier: 1 } }, other))).toBe(Status.PERMISSION_DENIED);
  expect(await codeOf(t.customers.createInteraction({ customerId: 'cus_ada', interaction: { type: 'CALL' } }, other))).toBe(
    Status.PERMISSION_DENIED,
  );
  expect(await codeOf(t.customers.getCustomer({ id: 'cus_ada' }, await t.as('demo', ['customers.read'])))).toBe('done');
  expect(await codeOf(t.customers.getCustomer({ id: 'cus_ada' }, await t.as('elsewhere')))).toBe(Status.NOT_FOUND);
});

describe('the command', () => {
  const file = async (name: string, records: readonly (object | string)[]) => {
    const lines = records.map((record) => (typeof record === 'string' ? record : JSON.stringify(record)));
    await writeFile(join(work, name), `${lines.join('\n')}\n`);
  };
  const eve = {
    profile: {
      id: 'crm_eve',
      displayName: 'Eve',
      tier: 'CUSTOMER_TIER_PLUS',
      facts: [{ key: 'order.number', value: 'NW-1', type: 'FACT_TYPE_NUMBER' }],
    },
    interactions: [
      {
        id: 'c-1',
        type: 'CALL',
        summary: 'asked for a@b.example',
        resolutionStatus: 'RESOLUTION_STATUS_OPEN',
        createTime: '2026-01-05T10:00:00Z',
      },
      { type: 'PURCHASE', summary: 'a jacket', satisfactionScore: 5, createTime: '2026-01-06T10:00:00Z' },
    ],
  };

  it('imports customers and what happened with them; what is refused costs nothing else, and again adds nothing', async () => {
    await file('customers.ndjson', [
      eve,
      '{"profile":{"id":"broken"',
      { profile: { id: 'crm_bob', tier: 'GOLD' } },
      { profile: { id: 'no id' } },
      { profile: { id: 'crm_eve' } },
      { profile: { id: 'crm_dan' }, interactions: [{ type: 'CALL', satisfactionScore: 9 }, { type: 'VISIT' }, { kind: 'CALL' }] },
      { profil: { id: 'crm_typo' } },
    ]);
    const { code, stdout, stderr } = await replymesh('customer', 'import', 'customers.ndjson');
    expect(stderr.split('\n').map((line) => line.slice(0, 40))).toEqual([
      expect.stringMatching(/^customers\.ndjson:2: /),
      expect.stringMatching(/^customers\.ndjson:3: cannot decode enum/),
      expect.stringMatching(/^customers\.ndjson:4: customer: id must/),
      expect.stringMatching(/^customers\.ndjson:5: customer "crm_eve"/),
      expect.stringMatching(/^customers\.ndjson:6: interactions\[2\]/),
      expect.stringMatching(/^customers\.ndjson:6: interactions\[0\]/),
      expect.stringMatching(/^customers\.ndjson:7: "profil" means/),
      '',
    ]);
    expect([code, stdout]).toEqual([
      1,
      'customers: 2 added, 0 changed, 0 unchanged\ninteractions: 3 added, 0 changed, 0 unchanged\n7 refused\n',
    ]);
    expect(await featuresOf('crm_eve')).toMatchObject({
      tier: CustomerTier.PLUS,
      interactionsTotal: 2,
      openInteractions: 1,
      meanSatisfaction: 5,
    });

    await file('again.json', [
      JSON.stringify([eve, { profile: { id: 'crm_dan', displayName: 'Dan' }, interactions: [{ type: 'VISIT' }] }], null, 2),
    ]);
    const again = await replymesh('customer', 'import', 'again.json', '--json');
    expect([again.code, JSON.parse(again.stdout)]).toEqual([
      0,
      {
        customers: { added: 0, changed: 1, unchanged: 1 },
        interactions: { added: 0, changed: 0, unchanged: 3 },
        refused: [],
      },
    ]);
  });

  it('takes what an export gave, and says what an erasure and an earlier import stand against', async () => {
    const exported = await replymesh('customer', 'export', 'crm_eve');
    await t.customers.eraseCustomer({ customerId: 'crm_eve' });
    await writeFile(join(work, 'eve.json'), exported.stdout);
    const { code, stderr, stdout } = await replymesh('customer', 'import', 'eve.json');
    expect([code, stdout]).toEqual([
      1,
      'customers: 1 added, 0 changed, 0 unchanged\ninteractions: 0 added, 0 changed, 0 unchanged\n2 refused\n',
    ]);
    expect(stderr).toMatch(/Lines of messages.*: 1\..*eve\.json:1: interactions\[\d\] "int_\S+": Customer "crm_eve" was erased at /s);
    const { interactions } = await t.customers.exportCustomer({ customerId: 'crm_eve' });
    expect(interactions).toEqual([]);
  });

  it('changes a line that the other system names and says something else of by now', async () => {
    const gil = (interactions: object[]) => file('gil', [{ profile: { id: 'crm_gil' }, interactions }]);
    await gil([{ id: '1', type: 'CALL', resolutionStatus: 'RESOLUTION_STATUS_OPEN' }, { type: 'VISIT' }]);
    expect((await replymesh('customer', 'import', 'gil')).stdout).toContain('interactions: 2 added, 0 changed, 0 unchanged');
    await gil([{ id: '1', type: 'CALL', resolutionStatus: 'RESOLUTION_STATUS_RESOLVED', satisfactionScore: 2 }, { type: 'VISIT' }]);
    for (const told of ['0 added, 1 changed, 1 unchanged', '0 added, 0 changed, 2 unchanged'])
      expect((await replymesh('customer', 'import', 'gil')).stdout).toContain(`interactions: ${told}\n0 refused`);
    const { interactions } = await t.customers.exportCustomer({ customerId: 'crm_gil' });
    expect(interactions.filter(({ type }) => type === 'CALL')).toMatchObject([
      { resolutionStatus: ResolutionStatus.RESOLVED, satisfactionScore: 2 },
    ]);
  });

  it('fails for a file that is not there', async () => {
    expect(await replymesh('customer', 'import', 'nothing')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing cannot be read'),
    });
  });
});
