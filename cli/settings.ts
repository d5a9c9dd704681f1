import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ConfigOf, declare, type Environment, parseConfig, secret, text } from '../lib/config.js';
import { methods } from '../lib/contract.js';
import { packageRoot } from '../lib/packageRoot.js';
import { StartConfig } from '../mesh/start.js';

export const root = fileURLToPath(packageRoot);
export const cacheDir = join(root, '.cache');

/** Which mesh the commands speak to, and as whom. */
export const MeshConfig = declare({
  meshAddress: text({
    env: 'REPLYMESH_MESH_ADDRESS',
    optional: true,
    pattern: /^[^\s/]+:\d{1,5}$/,
    form: 'host:port',
    doc: 'Where the mesh takes gRPC that commands speak to; on this machine when not set.',
  }),
  token: secret({ env: 'REPLYMESH_TOKEN', optional: true, doc: 'Token to send; one of the embedded key when not set.' }),
});

/** What the commands read from the environment: where `npm start` puts a mesh, and a token for one of somebody else. */
const CliConfig = declare({
  ...StartConfig,
  ...MeshConfig,
});

/** @throws StartError with every mistake (exit 78) */
export const settings = (env: Environment): ConfigOf<typeof CliConfig> => parseConfig(CliConfig, env);

/** Every scope that a public method asks for. */
export const knownScopes: readonly string[] = [...new Set([...methods.values()].flatMap((m) => m.requiredScope ?? []))].sort();

/** The variables that are set, for a child process. */
export const setVariables = (env: Environment): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
