import {
  type AuditFault,
  AuditProblem,
  AuditRecord,
  AuditServiceDefinition,
  VerifyAuditLogResponse,
} from '../gen/replymesh/v1/audit_service.js';
import type { Environment } from '../lib/config.js';
import { withMesh } from './meshClient.js';
import { printable } from './renderDecision.js';

export interface ListOptions {
  readonly subject?: string;
  readonly actor?: string;
  readonly action?: string;
  /** Most records. */
  readonly limit: number;
  readonly json?: boolean;
}

const PAGE = 200;

/** Prints what was done, newest first. */
export async function listAudit({ json, limit, subject = '', actor = '', action = '' }: ListOptions, env: Environment): Promise<number> {
  await withMesh(AuditServiceDefinition, ['audit.read'], env, async (audit) => {
    let left = limit;
    for (let pageToken = ''; ; ) {
      const page = await audit.listAuditRecords({ pageSize: Math.min(left, PAGE), pageToken, subject, actor, action });
      for (const record of page.records)
        process.stdout.write(json ? `${JSON.stringify(AuditRecord.toJSON(record))}\n` : printable(`${lineOf(record)}\n`));
      left -= page.records.length;
      pageToken = page.nextPageToken;
      if (pageToken === '' || left === 0) return;
    }
  });
  return 0;
}

/** Goes through the whole log. 1 when a record was touched, which is named. */
export async function verifyAudit({ json }: { json?: boolean }, env: Environment): Promise<number> {
  const verdict = await withMesh(AuditServiceDefinition, ['audit.read'], env, async (audit) => {
    for (let pageToken = ''; ; ) {
      const page = await audit.verifyAuditLog({ pageToken });
      pageToken = page.nextPageToken;
      if (pageToken === '') return page;
      process.stderr.write(`${page.recordCount} records hold …\n`);
    }
  });
  const { recordCount, hash, fault } = verdict;
  if (json) process.stdout.write(`${JSON.stringify({ ok: !fault, ...(VerifyAuditLogResponse.toJSON(verdict) as object) })}\n`);
  else if (fault) process.stdout.write(printable(faultLines(fault)));
  else process.stdout.write(`All ${recordCount} records hold. The last one has the hash ${hash || '(none)'}.\n`);
  return fault ? 1 : 0;
}

const PROBLEMS: Readonly<Record<AuditProblem, string>> = {
  [AuditProblem.UNSPECIFIED]: 'is not as it was written.',
  [AuditProblem.CHANGED]: 'was changed: it is not what its hash was made of.',
  [AuditProblem.REPLACED]: 'or one before it was written anew together with its hash: what comes after was made from another one.',
  [AuditProblem.MISSING]: 'is missing.',
  [AuditProblem.ADDED]: 'was added past the mesh: it comes after the end of the log.',
  [AuditProblem.END_FORGED]: 'is not where the mesh ended the log: records were taken away after it, or written anew up to it.',
};

const faultLines = ({ position, problem, record }: AuditFault): string =>
  `Record ${position} ${PROBLEMS[problem]}\n${record ? `  ${lineOf(record)}\n` : ''}`;

function lineOf({ position, time, actor, action, subject, detail }: AuditRecord): string {
  const more = Object.entries(detail)
    .map(([name, value]) => `${name}=${value}`)
    .sort();
  return [position, time?.toISOString(), actor, action, subject, ...more].join('  ');
}
