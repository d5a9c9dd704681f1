import type { Environment } from '../lib/config.js';
import { isServing } from '../mesh/health.js';
import { checkPolicy } from './checkPolicy.js';
import { checkDatabase, checkGrpcPort, checkHttpPort, checkLanguageModel, checkRedis } from './endpoints.js';
import type { Finding } from './finding.js';
import { checkBundle, checkCompiled, checkDataDir, checkDisk, checkEnvoy, checkNode, checkPython } from './machine.js';
import { settings } from './settings.js';

/** One line for each thing that a mesh on this machine needs, with its cure. 1 when one is missing. */
export async function doctor({ json }: { json?: boolean }, env: Environment, colour: boolean): Promise<number> {
  const { httpPort, grpcPort, dataDir } = settings(env);
  process.stderr.write('Looking at this machine (Envoy is fetched when it is not there) …\n');
  const meshRuns = await isServing(grpcPort);
  const findings = await Promise.all([
    checkNode(),
    checkPython(),
    checkCompiled(),
    checkBundle(env),
    checkPolicy(env),
    checkEnvoy(env),
    checkHttpPort(httpPort),
    checkGrpcPort(grpcPort, meshRuns),
    checkDataDir(dataDir, meshRuns),
    checkDisk(dataDir),
    checkDatabase(env['DATABASE_URL']),
    checkRedis(env['REDIS_URL']),
    checkLanguageModel(env),
  ]);
  const ok = findings.every((finding) => finding.ok);
  process.stdout.write(json ? `${JSON.stringify({ ok, findings })}\n` : findings.map((finding) => lineOf(finding, colour)).join(''));
  return ok ? 0 : 1;
}

function lineOf({ check, ok, detail, cure }: Finding, colour: boolean): string {
  const mark = ok ? 'ok' : 'no';
  const painted = colour ? `\u001b[${ok ? 32 : 31}m${mark}\u001b[0m` : mark;
  // A detail that already ends in a cure of its own keeps its last stop.
  return `${painted}  ${check.padEnd(14)}  ${detail}${cure === undefined ? '' : `${detail.endsWith('.') ? '' : '.'} ${cure}`}\n`;
}
