import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, declare, parseConfig, secret } from '../lib/config.js';
import { methods } from '../lib/contract.js';
import { StartError } from '../lib/errors.js';
import { packageRoot } from '../lib/packageRoot.js';
import { StartConfig } from '../mesh/start.js';

export const root = fileURLToPath(packageRoot);
export const cacheDir = join(root, '.cache');

const CliConfig = declare({
  ...StartConfig,
  token: secret({ env: 'REPLYMESH_TOKEN', optional: true, doc: 'Token to send; one of the embedded key when not set.' }),
});

/** The environment of a command. @throws StartError with every mistake (exit 78) */
export function settings(): { httpPort: number; grpcPort: number; dataDir: string; token: string | undefined } {
  try {
    return parseConfig(CliConfig, process.env);
  } catch (error) {
    throw error instanceof ConfigError ? new StartError(error.message) : error;
  }
}

/** Every scope that a public method asks for. */
export const knownScopes: readonly string[] = [...new Set([...methods.values()].flatMap((m) => m.requiredScope ?? []))].sort();
