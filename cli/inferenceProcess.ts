import { join } from 'node:path';
import type { Environment } from '../lib/config.js';
import { StartError } from '../lib/errors.js';
import { freePort } from '../lib/freePort.js';
import { isServing } from '../mesh/health.js';
import { ProgramFailed, supervise } from '../mesh/supervised.js';
import { CommandFailed } from './failure.js';
import { root, setVariables } from './settings.js';

export interface InferenceProcess {
  readonly target: string;
  stop(): Promise<void>;
}

/** The inference service alone, on a free port, without its cache. @throws StartError when it refuses its configuration, CommandFailed when it does not start */
export async function startInference(env: Environment, signal: AbortSignal): Promise<InferenceProcess> {
  const port = await freePort();
  const program = {
    name: 'inference',
    command: process.execPath,
    args: [join(root, 'dist', 'services', 'inference', 'main.js')],
    env: { ...setVariables(env), REPLYMESH_LISTEN: `127.0.0.1:${port}`, REPLYMESH_CACHE: 'off', REPLYMESH_LOG_LEVEL: 'warn' },
    // Waiting ends on Ctrl-C too: what was started by then is stopped, not left behind.
    isReady: async () => signal.aborted || (await isServing(port)),
  };
  const supervised = await supervise(program, () => {}).catch((error: unknown) => {
    if (!(error instanceof ProgramFailed)) throw error;
    throw error.exitCode === 78 ? new StartError(error.message) : new CommandFailed(error.message);
  });
  return { target: `127.0.0.1:${port}`, stop: () => supervised.stop() };
}
