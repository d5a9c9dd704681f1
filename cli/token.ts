import { openKeys } from '../mesh/keys.js';
import { knownScopes, settings } from './settings.js';

export async function token(options: { scopes: string; tenant: string; subject: string; ttl: number }): Promise<number> {
  const scopes = options.scopes
    .split(',')
    .map((s) => s.trim())
    .filter(Boolean);
  const unknown = scopes.filter((s) => !knownScopes.includes(s));
  if (scopes.length === 0 || unknown.length > 0) {
    process.stderr.write(
      `${unknown.length > 0 ? `Unknown scope: ${unknown.join(', ')}.` : 'No scope was given.'} Known are: ${knownScopes.join(', ')}.\n`,
    );
    return 2;
  }
  const keys = await openKeys(settings().dataDir);
  process.stdout.write(`${await keys.sign({ subject: options.subject, tenant: options.tenant, scopes, ttlSeconds: options.ttl })}\n`);
  return 0;
}
