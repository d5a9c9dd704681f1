import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../lib/packageRoot.js';

const root = fileURLToPath(packageRoot);
const file = join(root, 'observability', 'alerts.yaml');
interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
const { groups } = parse(readFileSync(file, 'utf8')) as { groups: { name: string; rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const code = ['lib', 'services']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((path) => join(root, folder, path)))
  .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

describe('the alert rules', () => {
  it.each(rules.map((rule) => [rule.alert, rule] as const))('%s asks for metrics that there are, and says what to read', (_, rule) => {
    const metrics = rule.expr.match(/\b[a-z]+(_[a-z]+)+\b/g) ?? [];
    expect(metrics.length).toBeGreaterThan(0);
    for (const metric of metrics) expect([metric, code.includes(`'${metric}'`)]).toEqual([metric, true]);
    expect(existsSync(join(root, rule.annotations.runbook))).toBe(true);
    expect(['info', 'warning', 'critical']).toContain(rule.labels.severity);
    expect(rule.annotations.summary).toMatch(/\.$/);
  });

  it('have names of their own', () => expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length));

  it.skipIf(spawnSync('promtool', ['--version']).error !== undefined)('are what Prometheus takes', () => {
    expect(execFileSync('promtool', ['check', 'rules', file], { encoding: 'utf8' })).toContain(`${rules.length} rules found`);
  });
});
