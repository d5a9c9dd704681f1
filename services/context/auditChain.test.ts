import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuditProblem } from '../../gen/replymesh/v1/audit_service.js';
import { type AuditEntry, type Chained, chain, endFault, firstFault, hashOf, ORIGIN } from './auditChain.js';

const text = fc.string({ maxLength: 8 });
const entry: fc.Arbitrary<AuditEntry> = fc.record({
  at: fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true }),
  actor: text,
  action: text,
  subject: text,
  detail: fc.dictionary(text, text, { maxKeys: 3 }),
  payloadSha256: fc.constantFrom('', 'a'.repeat(64)),
});
const log = fc.array(entry, { minLength: 1, maxLength: 12 }).map((entries) => chain('t', ORIGIN, entries));

/** The verdict on a whole log, with the head of the one that was written. */
const faultOf = (records: readonly Chained[], written: readonly Chained[], genuine = true) =>
  firstFault('t', ORIGIN, records) ?? endFault(records.at(-1) ?? ORIGIN, { ...(written.at(-1) ?? ORIGIN), genuine });
const replaced = (records: readonly Chained[], at: number, by: Chained): Chained[] => records.map((r, i) => (i === at ? by : r));
const rehashed = (record: Chained): Chained => ({ ...record, hash: hashOf('t', record) });

describe('a log', () => {
  it('that nobody touched holds, in whichever pieces it was written and is read', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 12 }), fc.nat(12), (entries, cut) => {
        const written = chain('t', ORIGIN, entries);
        const pieces = chain('t', ORIGIN, entries.slice(0, cut));
        pieces.push(...chain('t', pieces.at(-1) ?? ORIGIN, entries.slice(cut)));
        expect(pieces).toEqual(written);
        expect(faultOf(written, written)).toBeUndefined();
        expect(firstFault('t', written[cut - 1] ?? ORIGIN, cut > written.length ? [] : written.slice(cut))).toBeUndefined();
      }),
    );
  });

  it('names the record of which anything was changed', () => {
    const changes: ((r: Chained) => Chained)[] = [
      (r) => ({ ...r, at: new Date(r.at.getTime() + 1) }),
      (r) => ({ ...r, actor: `${r.actor}x` }),
      (r) => ({ ...r, action: `${r.action}x` }),
      (r) => ({ ...r, subject: `${r.subject}x` }),
      (r) => ({ ...r, detail: { ...r.detail, x: `${r.detail['x']}x` } }),
      (r) => ({ ...r, payloadSha256: 'b'.repeat(64) }),
      (r) => ({ ...r, hash: 'c'.repeat(64) }),
      (r) => ({ ...r, previousHash: 'd'.repeat(64) }),
    ];
    fc.assert(
      fc.property(log, fc.nat(), fc.constantFrom(...changes), (written, n, change) => {
        const at = n % written.length;
        const fault = faultOf(replaced(written, at, change(written[at]!)), written);
        expect(fault).toEqual({ position: at + 1, problem: AuditProblem.CHANGED });
      }),
    );
  });

  it('names the record that was written anew together with its hash', () => {
    fc.assert(
      fc.property(log, fc.nat(), (written, n) => {
        const at = n % written.length;
        const forged = rehashed({ ...written[at]!, actor: 'somebody else altogether' });
        expect(faultOf(replaced(written, at, forged), written)).toEqual({ position: at + 1, problem: AuditProblem.REPLACED });
      }),
    );
  });

  it('names the first of those that were taken away, from the middle or the end', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.integer({ min: 1, max: 12 }), (written, n, count) => {
        const at = n % written.length;
        const fault = faultOf(written.toSpliced(at, count), written);
        expect(fault).toEqual({ position: at + 1, problem: AuditProblem.MISSING });
      }),
    );
  });

  it('names the first of two that changed places', () => {
    fc.assert(
      fc.property(log, fc.nat(), fc.nat(), (written, n, m) => {
        const [at, other] = [n % written.length, m % written.length].sort((a, b) => a - b) as [number, number];
        fc.pre(at !== other);
        const [one, two] = [written[at]!, written[other]!];
        const swapped = replaced(replaced(written, at, { ...two, position: one.position }), other, { ...one, position: two.position });
        expect(faultOf(swapped, written)).toEqual({ position: at + 1, problem: AuditProblem.CHANGED });
      }),
    );
  });

  it('names what was added beside its end, and an end that the mesh did not write', () => {
    fc.assert(
      fc.property(log, entry, (written, more) => {
        const longer = [...written, ...chain('t', written.at(-1)!, [more])];
        expect(faultOf(longer, written)).toEqual({ position: written.length + 1, problem: AuditProblem.ADDED });
        expect(faultOf(written.slice(0, -1), written.slice(0, -1), false)?.problem).toBe(AuditProblem.END_FORGED);
      }),
    );
  });

  it('of one tenant is none of another', () => {
    fc.assert(
      fc.property(log, (written) => {
        expect(firstFault('another', ORIGIN, written)).toEqual({ position: 1, problem: AuditProblem.CHANGED });
      }),
    );
  });
});
