import type { Environment } from '../lib/config.js';
import { openKeys } from '../mesh/keys.js';
import { CommandFailed } from './failure.js';
import { knownScopes, settings } from './settings.js';

export interface TokenOptions {
  readonly scopes: string;
  readonly tenant: string;
  readonly subject: string;
  /** Life in seconds. */
  readonly ttl: number;
}

/** Prints a token of the embedded key, and nothing else. */
export async function token({ scopes: list, tenant, subject, ttl }: TokenOptions, env: Environment): Promise<number> {
  const scopes = list.split(',').flatMap((scope) => scope.trim() || []);
  const unknown = scopes.filter((scope) => !knownScopes.includes(scope));
  if (scopes.length === 0 || unknown.length > 0) {
    const problem = unknown.length > 0 ? `Unknown scope: ${unknown.join(', ')}.` : 'No scope was given.';
    throw new CommandFailed(`${problem} Known are: ${knownScopes.join(', ')}.`, 2);
  }
  const keys = await openKeys(settings(env).dataDir, env);
  process.stdout.write(`${await keys.sign({ subject, tenant, scopes, ttlSeconds: ttl })}\n`);
  return 0;
}
