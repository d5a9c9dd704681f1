import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from '../cli/settings.js';
import { freePort } from '../lib/freePort.js';
import { isServing } from '../mesh/health.js';
import { supervise } from '../mesh/supervised.js';

export interface ContextProcess {
  readonly target: string;
  pid(): number | undefined;
  stop(): Promise<void>;
}

/** The context service alone, on a free port. @param contentKey 32 bytes in base64 */
export async function startContext(contentKey: string, env: Readonly<Record<string, string>>): Promise<ContextProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'replymesh-bench-'));
  await writeFile(join(folder, 'content.key'), `${contentKey}\n`, { mode: 0o600 });
  const port = await freePort();
  const supervised = await supervise(
    {
      name: 'context',
      command: process.execPath,
      args: [join(root, 'dist', 'services', 'context', 'main.js')],
      env: {
        REPLYMESH_DATA_DIR: folder,
        REPLYMESH_CONTENT_KEY_FILE: join(folder, 'content.key'),
        REPLYMESH_LISTEN: `127.0.0.1:${port}`,
        REPLYMESH_METRICS_ADDRESS: '127.0.0.1:0',
        REPLYMESH_LOG_LEVEL: 'error',
        ...env,
      },
      isReady: () => isServing(port),
    },
    () => {},
  );
  return {
    target: `127.0.0.1:${port}`,
    pid: supervised.pid,
    stop: async () => {
      await supervised.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
