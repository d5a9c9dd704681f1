import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GetContextResponse } from '../../gen/replymesh/context/v1/context_service.js';
import { CustomerTier, FactType, type Interaction, ResolutionStatus } from '../../gen/replymesh/type/v1/customer.js';
import { Query } from '../../gen/replymesh/type/v1/decision.js';
import type { DeepPartial, ExportCustomerResponse } from '../../gen/replymesh/v1/customer_service.js';
import { aQuery, newTenant, openTestStore, reasonOf, startContext, storeKinds, until } from './context.fixture.js';
import { rowsOf, type Store } from './store.js';

type Tenant = ReturnType<typeof newTenant>;
const MARK = 'zanzibarian umbrella';
const ADA = {
  id: 'crm:ada.1',
  displayName: `Ada ${MARK}`,
  tier: CustomerTier.PLUS,
  language: 'en-GB',
  facts: [{ key: 'order.number', value: MARK, type: FactType.NUMBER }],
};

describe.each(storeKinds)('a customer whom another system tells of, on %s,', (kind) => {
  let store: Store;
  let mesh: Awaited<ReturnType<typeof startContext>>;
  beforeAll(async () => {
    store = await openTestStore(kind);
    mesh = await startContext(store, { redisUrl: kind === 'Postgres' ? process.env['REDIS_URL'] : undefined });
    // Redis knows nothing until it is connected.
    await until(async () => {
      await mesh.cache.set('ready', new Uint8Array(1));
      return (await mesh.cache.get('ready')) !== undefined;
    });
  });
  afterAll(async () => {
    await mesh.close();
    await store.close();
  });
  const pass = (ms = 1000) => {
    mesh.clock.now = new Date(mesh.clock.now.getTime() + ms);
    return mesh.clock.now;
  };
  const know = ({ as }: Tenant, customer: object = ADA, updateMask?: string[], allowMissing = true) =>
    mesh.customers.updateCustomer({ customer: { id: ADA.id, ...customer }, allowMissing, ...(updateMask && { updateMask }) }, as);
  const happen = ({ as }: Tenant, interaction: DeepPartial<Interaction> = {}, requestId = '', customerId = ADA.id) =>
    mesh.customers.createInteraction({ customerId, requestId, interaction: { type: 'CALL', summary: MARK, ...interaction } }, as);
  const contextOf = ({ as }: Tenant, customerId = ADA.id) => mesh.context.getContext({ customerId, interactionLimit: 100 }, as);
  const wholeExport = async ({ as }: Tenant): Promise<ExportCustomerResponse> => mesh.customers.exportCustomer({ customerId: ADA.id }, as);
  const auditOf = async ({ as }: Tenant) => (await mesh.audit.listAuditRecords({}, as)).records.map((record) => record.action).reverse();
  /** All that the tables hold of a tenant, as text. */
  const stored = ({ as }: Tenant) =>
    store.within(as.within, async (tx) => {
      const texts: string[] = [];
      for (const table of ['customers', 'customer_history', 'customer_keys', 'customer_versions', 'audit_log'])
        texts.push(
          ...(await rowsOf<{ row: string }>(tx, sql`select t::text as row from ${sql.identifier(table)} t`)).map(({ row }) => row),
        );
      return texts.join('\n');
    });

  it('is known with the next message: profile, history and features, though they were read just before', async () => {
    const t = newTenant();
    expect(await contextOf(t)).toMatchObject({ known: false, interactions: [], features: { interactionsTotal: 0 } });
    expect(await know(t)).toEqual({ customer: ADA, created: true, changed: true });
    expect(await contextOf(t)).toMatchObject({ known: true, profile: ADA, features: { tier: CustomerTier.PLUS, daysSinceLast: -1 } });
    const createTime = new Date(mesh.clock.now.getTime() - 86_400_000);
    const told = { resolutionStatus: ResolutionStatus.ESCALATED, satisfactionScore: 2, createTime };
    const { interaction, created } = await happen(t, told);
    expect([created, interaction]).toMatchObject([true, { id: expect.stringMatching(/^int_/), type: 'CALL', summary: MARK, ...told }]);
    expect(await contextOf(t)).toMatchObject({
      interactions: [interaction],
      features: { interactionsTotal: 1, interactions30d: 1, escalationsTotal: 1, meanSatisfaction: 2, daysSinceLast: 1 },
    });
    await know(t, { tier: CustomerTier.PREMIUM });
    expect(await contextOf(t)).toMatchObject({ profile: { ...ADA, tier: CustomerTier.PREMIUM }, features: { tier: CustomerTier.PREMIUM } });
    await happen(t);
    expect((await contextOf(t)).interactions).toMatchObject([{ createTime: mesh.clock.now, satisfactionScore: undefined }, interaction]);
  });

  it('may have a history before a profile, and messages beside both', async () => {
    const t = newTenant();
    await happen(t);
    await mesh.context.recordDecision({ query: aQuery({ customerId: ADA.id }), fingerprint: '' }, t.as);
    expect(await contextOf(t)).toMatchObject({ known: false, features: { interactionsTotal: 2 } });
    await know(t);
    expect((await contextOf(t)).interactions.map(({ type, summary }) => [type, summary])).toEqual([
      ['CALL', MARK],
      ['QUERY', 'get_refund'],
    ]);
  });

  it('is changed field by field: those of the mask, or all that are set; what is so already leaves no trace', async () => {
    const t = newTenant();
    expect(await reasonOf(know(t, ADA, undefined, false))).toBe('CUSTOMER_NOT_FOUND');
    expect(await reasonOf(mesh.customers.getCustomer({ id: ADA.id }, t.as))).toBe('CUSTOMER_NOT_FOUND');
    await know(t);
    expect(await know(t, ADA, undefined, false)).toEqual({ customer: ADA, created: false, changed: false });
    expect((await know(t, { displayName: 'Ada M.' })).customer).toEqual({ ...ADA, displayName: 'Ada M.' });
    expect((await know(t, { displayName: 'x', tier: 1 }, ['tier', 'facts'])).customer).toEqual({
      ...{ ...ADA, displayName: 'Ada M.', tier: CustomerTier.STANDARD, facts: [] },
    });
    expect(await mesh.customers.getCustomer({ id: ADA.id }, t.as)).toMatchObject({ customer: { tier: CustomerTier.STANDARD, facts: [] } });
    const { records } = await mesh.audit.listAuditRecords({ subject: ADA.id }, t.as);
    expect(records.map(({ action, detail }) => [action, detail['fields']])).toEqual([
      ['customer.changed', 'tier, facts'],
      ['customer.changed', 'display_name'],
      ['customer.created', 'display_name, tier, language, facts'],
    ]);
  });

  it('is refused what the contract does not allow, by the name of the field', async () => {
    const t = newTenant();
    const fact = { key: 'a', value: 'b', type: FactType.TEXT };
    for (const customer of [
      { id: '' },
      { id: 'a b' },
      { id: 'a\0' },
      { displayName: 'x'.repeat(201) },
      { language: 'no tag' },
      { language: 'a\0' },
      { tier: 9 },
      { facts: [fact, { ...fact, value: 'c' }] },
      { facts: [{ ...fact, key: 'No Key' }] },
      { facts: [{ ...fact, type: 0 }] },
    ])
      expect([customer, await reasonOf(know(t, customer))]).toEqual([customer, 'FIELD_VIOLATION']);
    expect(await reasonOf(know(t, {}, ['name']))).toBe('FIELD_VIOLATION');
    const now = mesh.clock.now.getTime();
    for (const interaction of [
      { type: '' },
      { type: 'QUERY' },
      { type: 'a call' },
      { summary: 'x'.repeat(1001) },
      { satisfactionScore: 6 },
      { resolutionStatus: 9 },
      ...[now + 61_000, 253_402_300_800_000, -62_135_596_800_001, 8.64e15, -8.64e15].map((ms) => ({ createTime: new Date(ms) })),
    ])
      expect([interaction, await reasonOf(happen(t, interaction))]).toEqual([interaction, 'FIELD_VIOLATION']);
    expect(await stored(t)).toBe('');
    // Clocks differ.
    await happen(t, { createTime: new Date(now + 59_000) });
    expect((await contextOf(t)).features?.daysSinceLast).toBe(0);
    await happen(t, { summary: '', createTime: new Date(-62_135_596_800_000) });
    await happen(t, { summary: 'a\0b \u{1F9E5}' });
    expect((await contextOf(t)).interactions.map(({ summary }) => summary)).toEqual([MARK, 'a\0b \u{1F9E5}', '']);
  });

  it('has a line once for each request id, and every time without one', async () => {
    const t = newTenant();
    const first = await happen(t, {}, 'r-1');
    pass();
    const others = await Promise.all([1, 2, 3].map(() => happen(t, {}, 'r-1')));
    expect(others).toEqual(others.map(() => ({ ...first, created: false })));
    expect(await happen(t, { createTime: first.interaction?.createTime }, 'r-1')).toEqual(others[0]);
    for (const other of [
      { summary: 'x' },
      { type: 'VISIT' },
      { satisfactionScore: 3 },
      { resolutionStatus: 1 },
      { createTime: new Date(0) },
    ])
      expect(await reasonOf(happen(t, other, 'r-1'))).toBe('REQUEST_ID_REUSED');
    expect(await reasonOf(happen(t, {}, 'r-1', 'another'))).toBe('REQUEST_ID_REUSED');
    await happen(t);
    await happen(t);
    const atOnce = await Promise.all([1, 2, 3, 4].map(() => happen(t, {}, 'r-2')));
    expect(atOnce.filter(({ created }) => created)).toHaveLength(1);
    expect((await contextOf(t)).features?.interactionsTotal).toBe(4);
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();
  });

  it('has lines that are changed field by field, and counted so; what was escalated stays so', async () => {
    const t = newTenant();
    const change = (interaction: DeepPartial<Interaction>, updateMask?: string[], customerId = ADA.id) =>
      mesh.customers.updateInteraction({ customerId, interaction, ...(updateMask && { updateMask }) }, t.as);
    const { interaction: open } = await happen(t, { resolutionStatus: ResolutionStatus.OPEN });
    const id = open!.id;
    const { interaction: escalated } = await happen(t, { resolutionStatus: ResolutionStatus.ESCALATED });
    expect(await contextOf(t)).toMatchObject({ features: { openInteractions: 1, escalationsTotal: 1, meanSatisfaction: 0 } });
    const resolved = { resolutionStatus: ResolutionStatus.RESOLVED, satisfactionScore: 4 };
    expect(await change({ id, ...resolved })).toEqual({ interaction: { ...open, ...resolved }, changed: true });
    expect(await change({ id, ...resolved })).toEqual({ interaction: { ...open, ...resolved }, changed: false });
    expect((await change({ id: escalated!.id, ...resolved })).interaction).toEqual({ ...escalated, satisfactionScore: 4 });
    expect(await contextOf(t)).toMatchObject({ features: { openInteractions: 0, escalationsTotal: 1, meanSatisfaction: 4 } });
    expect((await mesh.features.read(t.tenant, ADA.id))?.history).toMatchObject({ open: 0, escalations: 1, scores: 2, scoreSum: 8 });
    const other = { id, summary: 'another', resolutionStatus: ResolutionStatus.OPEN };
    expect((await change(other, ['summary', 'satisfaction_score'])).interaction).toEqual({
      ...{ ...open, ...resolved, summary: 'another', satisfactionScore: undefined },
    });
    expect((await contextOf(t)).interactions.find((line) => line.id === id)?.summary).toBe('another');
    expect(await stored(t)).not.toContain('another');
    const { records } = await mesh.audit.listAuditRecords({ subject: id }, t.as);
    expect(records.map(({ action, detail }) => [action, detail['fields']])).toEqual([
      ['interaction.changed', 'summary, satisfaction_score'],
      ['interaction.changed', 'resolution_status, satisfaction_score'],
      ['interaction.created', undefined],
    ]);
    const query = aQuery({ customerId: ADA.id, id: `qry_${id.slice(4)}` });
    await mesh.context.recordDecision({ query, fingerprint: '' }, t.as);
    for (const [line, mask] of [[{ id: query.id, summary: 'x' }], [{ id: '' }], [{ id, satisfactionScore: 7 }], [other, ['type']]] as const)
      expect(await reasonOf(change(line, mask && [...mask]))).toBe('FIELD_VIOLATION');
    expect(await reasonOf(change(other, undefined, 'another'))).toBe('INTERACTION_NOT_FOUND');
    expect(await reasonOf(mesh.customers.updateInteraction({ customerId: ADA.id, interaction: other }, newTenant().as))).toBe(
      'INTERACTION_NOT_FOUND',
    );
    pass();
    await mesh.customers.eraseCustomer({ customerId: ADA.id }, t.as);
    expect(await reasonOf(change(other))).toBe('INTERACTION_NOT_FOUND');
    expect(await contextOf(t)).toMatchObject({ known: false, interactions: [] });
  });

  it('is stored encrypted, and told in full by an export', async () => {
    const t = newTenant();
    await know(t);
    const { interaction } = await happen(t, {}, 'r-1');
    await contextOf(t);
    expect(await stored(t)).not.toContain(MARK);
    expect(await stored(t)).not.toContain(Buffer.from(MARK).toString('hex'));
    expect(await stored(t)).not.toContain(Buffer.from(MARK).toString('base64').slice(0, 12));
    const exported = await wholeExport(t);
    expect(exported).toMatchObject({ profile: ADA, interactions: [interaction] });
    expect(exported.auditRecords.map(({ action, subject }) => [action, subject])).toEqual([
      ['customer.created', ADA.id],
      ['interaction.created', interaction?.id],
    ]);
    expect(await auditOf(t)).toEqual(['customer.created', 'interaction.created', 'customer.exported']);
  });

  it('is erased with all of it, stays so for what was of before, and may come anew under another key', async () => {
    const t = newTenant();
    await know(t);
    const before = mesh.clock.now;
    await happen(t, {}, 'r-1');
    const keyOf = () =>
      store.within(t.as.within, (tx) => rowsOf<{ wrapped_key: Uint8Array }>(tx, sql`select wrapped_key from customer_keys`));
    const [oldKey] = await keyOf();
    pass();
    const { stores } = await mesh.customers.eraseCustomer({ customerId: ADA.id }, t.as);
    const removed = Object.fromEntries(stores.map((one) => [one.store, one.removed]));
    expect(removed).toMatchObject({ customers: 1, customer_history: 1, customer_keys: 1, customer_versions: 1 });
    const nothing = {
      known: false,
      interactions: [],
      profile: { displayName: '', facts: [] },
      features: { interactionsTotal: 0, tier: 0 },
    };
    expect(await contextOf(t)).toMatchObject(nothing);
    // On their way while the customer was erased, or of before.
    expect(await reasonOf(know(t))).toBe('CUSTOMER_ERASED');
    for (const createTime of [undefined, before, mesh.clock.now])
      expect(await reasonOf(happen(t, { createTime }, 'r-1'))).toBe('CUSTOMER_ERASED');
    pass();
    expect(await reasonOf(happen(t, { createTime: before }, 'r-1'))).toBe('CUSTOMER_ERASED');
    expect(await contextOf(t)).toMatchObject(nothing);
    expect(await keyOf()).toEqual([]);
    // Whoever read before an erasure may put nothing back for a minute; the version tells whoever did.
    await happen(t, {}, 'r-1');
    expect(await know(t)).toMatchObject({ created: true });
    expect(await contextOf(t)).toMatchObject({ known: true, profile: ADA, features: { interactionsTotal: 1, tier: CustomerTier.PLUS } });
    const [newKey] = await keyOf();
    expect(Buffer.compare(oldKey!.wrapped_key, newKey!.wrapped_key)).not.toBe(0);
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();
  });

  it('is told of anew, and what another instance still has in memory of before is recorded with no decision', async () => {
    const t = newTenant();
    await know(t);
    await happen(t);
    const other = await startContext(store);
    const contextThere = () => other.context.getContext({ customerId: ADA.id }, t.as);
    const before = await contextThere();
    pass();
    await mesh.customers.eraseCustomer({ customerId: ADA.id }, t.as);
    pass();
    const BEA = { displayName: 'Bea', facts: [{ key: 'order.number', value: 'NW-2', type: FactType.NUMBER }] };
    await know(t, BEA);
    const recorded = async ({ profile, interactions }: GetContextResponse) => {
      const query = aQuery({ customerId: ADA.id, createTime: pass() });
      const decision = { ...query.decision, reply: { text: `Hello ${profile?.displayName}` } };
      const inputs = { customer: profile, interactions };
      await mesh.context.recordDecision({ query: Query.fromPartial({ ...query, decision }), inputs }, t.as);
      const { outcome } = await mesh.context.getDecisionInputs({ id: query.id }, t.as);
      return outcome?.$case === 'recorded' ? outcome.value : undefined;
    };
    expect(await contextThere()).toEqual(before);
    for (const stale of [before, { ...before, interactions: [] }, { ...before, profile: undefined }]) {
      const told = await recorded(stale);
      expect(told).toMatchObject({ query: { decision: { reply: undefined } }, inputs: undefined });
      expect(JSON.stringify(told)).not.toContain(MARK);
    }
    const now = await contextOf(t);
    expect(now.profile).toMatchObject(BEA);
    expect(await recorded(now)).toMatchObject({ query: { decision: { reply: { text: 'Hello Bea' } } }, inputs: { customer: BEA } });
    await other.close();
  });

  it('never meets an erasure half-way, whichever instance writes: what is stored can be read, and is counted', async () => {
    const t = newTenant();
    const other = await startContext(store);
    const calls = Array.from({ length: 60 }, (_, i) => {
      other.clock.now = pass(1);
      const { customers } = i % 2 ? mesh : other;
      if (i % 10 === 9) return reasonOf(customers.eraseCustomer({ customerId: ADA.id }, t.as));
      if (i % 3 === 0)
        return reasonOf(customers.updateCustomer({ customer: { ...ADA, displayName: `Ada ${i}` }, allowMissing: true }, t.as));
      return reasonOf(customers.createInteraction({ customerId: ADA.id, interaction: { type: 'CALL', summary: MARK } }, t.as));
    });
    expect((await Promise.all(calls)).filter((outcome) => outcome !== 'it succeeded' && outcome !== 'CUSTOMER_ERASED')).toEqual([]);
    await other.close();
    const [{ profile, interactions }, { features }] = [await wholeExport(t), await contextOf(t)];
    expect(features?.interactionsTotal).toBe(interactions.length);
    expect(interactions.every(({ summary }) => summary === MARK)).toBe(true);
    if (profile) expect(profile).toMatchObject({ facts: ADA.facts });
    expect((await mesh.audit.verifyAuditLog({}, t.as)).fault).toBeUndefined();
  });

  it("is nobody else's: another tenant neither sees nor changes it", async () => {
    const [t, other] = [newTenant(), newTenant()];
    await know(t);
    await happen(t, {}, 'r-1');
    expect(await reasonOf(know(other, { tier: 1 }, undefined, false))).toBe('CUSTOMER_NOT_FOUND');
    expect(await reasonOf(mesh.customers.getCustomer({ id: ADA.id }, other.as))).toBe('CUSTOMER_NOT_FOUND');
    // The same names there are another customer, and another request.
    await know(other, { displayName: 'Somebody else' });
    expect((await happen(other, { summary: 'theirs' }, 'r-1')).created).toBe(true);
    expect(await contextOf(t)).toMatchObject({ profile: ADA, interactions: [{ summary: MARK }] });
    expect(await contextOf(other)).toMatchObject({
      profile: { displayName: 'Somebody else', facts: [] },
      interactions: [{ summary: 'theirs' }],
    });
    expect(await stored(other)).not.toContain(t.tenant);
  });
});
