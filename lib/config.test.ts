import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from './packageRoot.js';

/** The gateway, which needs settings that have no default. */
const gateway = (env: Record<string, string>, ...args: string[]) =>
  spawnSync(process.execPath, [fileURLToPath(new URL('dist/services/gateway/main.js', packageRoot)), ...args], { env, encoding: 'utf8' });
const whole = { REPLYMESH_JWKS: '/keys.json', REPLYMESH_SPOOL_DIR: '/spool' };

describe('--print-config', () => {
  it('prints every setting with its value and ends with 0', () => {
    const { status, stdout, stderr } = gateway({ ...whole, REPLYMESH_LOG_LEVEL: 'warn' }, '--print-config');
    expect([status, stderr]).toEqual([0, '']);
    for (const line of ['REPLYMESH_JWKS=/keys.json', 'REPLYMESH_LISTEN=127.0.0.1:50051', 'REPLYMESH_LOG_LEVEL=warn'])
      expect(stdout).toContain(`\n${line}\n`);
  });

  it('prints values as they were written, without passwords', () => {
    const { stdout } = gateway(
      { ...whole, REPLYMESH_JWT_ISSUER: 'https://id.example', REPLYMESH_JWKS: 'https://me:secret@id.example' },
      '--print-config',
    );
    expect(stdout).toContain('\nREPLYMESH_JWT_ISSUER=https://id.example\n');
    expect(stdout).toContain('\nREPLYMESH_JWKS=https://me:***@id.example');
  });

  it('prints what there is where something is missing or wrong, says what, and ends with 78', () => {
    const { status, stdout, stderr } = gateway({ REPLYMESH_SPOOL_DIR: '/spool', REPLYMESH_CALLER_LIMIT: 'many' }, '--print-config');
    expect(status).toBe(78);
    for (const line of ['REPLYMESH_SPOOL_DIR=/spool', 'REPLYMESH_JWKS=', 'REPLYMESH_CALLER_LIMIT=', 'REPLYMESH_DRAIN_MS=5000'])
      expect(stdout).toContain(`\n${line}\n`);
    expect(stderr).toMatch(/^2 mistakes: REPLYMESH_JWKS is missing: .*REPLYMESH_CALLER_LIMIT must be .*"many"\.\n$/);
  });
});

it('a log level that is none is refused with those there are', () => {
  const { status, stdout, stderr } = gateway({ ...whole, REPLYMESH_LOG_LEVEL: 'loud' });
  expect([status, stdout]).toEqual([78, '']);
  expect(stderr).toMatch(/^1 mistake: REPLYMESH_LOG_LEVEL must be one of "trace", .*"silent", it is "loud"\.\n$/);
});
