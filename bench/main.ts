import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { type Mesh, startMesh } from '../mesh/mesh.js';
import { startDriver } from './driverProcess.js';
import { maskInput } from './mask.js';
import { type MemoryOptions, memory } from './memory.js';
import { measure } from './plan.js';
import { type QualityOptions, quality } from './quality.js';
import { document, tables } from './report.js';

interface Options {
  readonly seconds: number;
  readonly callers: readonly number[];
  readonly postgres?: boolean;
  readonly json?: boolean;
}
/** A tenant of its own, so that no figures or queries of others are mixed in. */
const TENANT = 'bench';
const MAX_CALLERS = 1000;
const MAX_SECONDS = 600;
const MAX_SEEDS = 100;
const MAX_ROWS = 100_000_000;
const MAX_PASSAGES = 1_000_000;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

const whole = (raw: string, max: number): number => {
  const value = Number(raw);
  if (!/^\d+$/.test(raw) || value < 1 || value > max) throw new InvalidArgumentError(`It must be a whole number from 1 to ${max}.`);
  return value;
};

/** What the mesh gets from the environment: how it is tuned, but neither stores nor language model that were not asked for. */
function meshEnv(postgres: boolean): Record<string, string> {
  const given = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const left = given.filter(
    ([name]) => name !== 'REDIS_URL' && !name.startsWith('REPLYMESH_LLM_') && (postgres || name !== 'DATABASE_URL'),
  );
  return {
    ...Object.fromEntries(left),
    REPLYMESH_CACHE: 'off',
    REPLYMESH_LOG_LEVEL: 'error',
    REPLYMESH_CALLER_LIMIT: '1000000',
    REPLYMESH_SEED_TENANT: TENANT,
  };
}

async function bench(options: Options, signal: AbortSignal): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'replymesh-bench-'));
  let mesh: Mesh | undefined;
  const driver = startDriver();
  try {
    say('Starting a mesh of its own …');
    const env = meshEnv(options.postgres ?? false);
    mesh = await startMesh({
      dataDir,
      httpPort: 0,
      grpcPort: 0,
      env,
      edge: { ratePerSecond: 1_000_000 },
      withEnvoy: true,
      onOutput: () => {},
    });
    if (mesh.withoutHttp) say(`No REST: ${mesh.withoutHttp}`);
    signal.throwIfAborted();
    const token = await mesh.keys.sign({ subject: 'bench', tenant: TENANT, scopes: ['queries.write'], ttlSeconds: 86_400 });
    const report = await measure(mesh, driver, { ...options, tenant: TENANT, token }, say, signal);
    const setting = {
      cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
      cores: cpus().length,
      node: process.versions.node,
      database: options.postgres ? ('postgres' as const) : ('embedded' as const),
      secondsPerRun: options.seconds,
    };
    process.stdout.write(options.json ? `${JSON.stringify(document(report, setting))}\n` : tables(report, setting));
  } finally {
    await driver.close();
    await mesh?.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

const program = new Command('bench')
  .description('Measures a mesh of its own, caches off, and prints where the time goes.')
  .option('--seconds <n>', 'length of each run', (raw) => whole(raw, MAX_SECONDS), 10)
  .option(
    '--callers <list>',
    'callers at once, with commas between them',
    (raw) => raw.split(',').map((n) => whole(n.trim(), MAX_CALLERS)),
    [1, 8, 32, 128],
  )
  .option('--postgres', `use DATABASE_URL instead of the embedded database; rows stay there under the tenant "${TENANT}"`)
  .option('--json', 'print one JSON document')
  .addHelpText('after', '\nExample: npm run bench -- --seconds 5 --callers 1,32')
  .exitOverride();

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (!interrupted.signal.aborted) say('Stopping …');
    interrupted.abort();
  });
}
program
  .command('quality')
  .description('Measures the served bundle on the test rows of the public sets, and prints each figure beside what was asked of it.')
  .option('--data <folder>', 'folder of the sets', '../shared/data')
  .option('--python', 'compare with what Python answers, too; about two minutes, and the training environment')
  .option('--few-shot', 'train own spaces of ten examples an intent, too; minutes, and the training environment')
  .option('--seeds <n>', 'how often their examples are drawn', (raw) => whole(raw, MAX_SEEDS), 5)
  .option('--json', 'print one JSON document')
  .exitOverride()
  .action((_own: QualityOptions, command: Command) => quality(command.optsWithGlobals<QualityOptions>(), process.env, interrupted.signal));
program
  .command('memory')
  .description('Fills a database of its own on the server of DATABASE_URL with messages, and measures the context service on it.')
  .option('--rows <n>', 'messages in the database', (raw) => whole(raw, MAX_ROWS), 10_000_000)
  .option('--passages <n>', 'passages to search', (raw) => whole(raw, MAX_PASSAGES), 100_000)
  .option('--data <folder>', 'folder of the public sets, whose texts are searched', '../shared/data')
  .option('--search-database <url>', 'a server with pgvector to search on, where that of DATABASE_URL has none')
  .option('--keep', 'leave the filled database there for the next time')
  .option('--json', 'print one JSON document')
  .exitOverride()
  .action((_own: MemoryOptions, command: Command) => {
    if (!process.env['DATABASE_URL']) command.error('It needs DATABASE_URL: a superuser on a server of which it may fill the disk.');
    return memory(command.optsWithGlobals<MemoryOptions>(), process.env, interrupted.signal, say);
  });
program
  .command('mask')
  .description('Masks a JSON list of texts from standard input as the mesh masks messages, for training.')
  .exitOverride()
  .action(() => maskInput(process.env, interrupted.signal));
program.action(async (options: Options) => {
  if (options.postgres && !process.env['DATABASE_URL'])
    program.error('--postgres needs DATABASE_URL, such as postgres://user@127.0.0.1:5432/bench.');
  await bench(options, interrupted.signal);
});

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    if (!interrupted.signal.aborted) say(error instanceof Error ? error.message : String(error));
    process.exitCode = interrupted.signal.aborted ? 130 : 1;
  }
}
