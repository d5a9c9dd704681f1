import type { Timings } from '../gen/replymesh/type/v1/decision.js';
import type { Mesh } from '../mesh/mesh.js';
import { cpuSeconds } from './cpu.js';
import type { Job } from './driver.js';
import type { Driver } from './driverProcess.js';
import { scrapeEventLoopDelayP99Ms } from './eventLoop.js';
import { type Latency, latencyOf } from './latency.js';
import type { Measured } from './load.js';
import type { Target, TargetKind } from './targets.js';

/** One measured run. */
export interface Run {
  readonly target: TargetKind;
  /** Callers of a closed loop, or the arrivals a second of an open one. */
  readonly load: Job['load'];
  readonly queriesPerSecond: number;
  readonly latencyMs: Latency;
  /** Queries for each second of processor time that the mesh's processes took. */
  readonly queriesPerCpuSecond: number;
  /** Processor time of each program for one query, milliseconds. */
  readonly cpuMs: Readonly<Record<string, number>>;
  readonly answered: number;
  readonly degraded: number;
  readonly failed: Readonly<Record<string, number>>;
  /** Mean time of each stage by the decision's own timings, milliseconds; absent for `predict`. */
  readonly stagesMs: Readonly<Record<keyof Timings, number>> | undefined;
  /** Mean latency that the caller saw, milliseconds. */
  readonly meanMs: number;
}
export interface Report {
  readonly runs: readonly Run[];
  /** At 70 % of the fastest closed-loop run over REST (over gRPC where there is no Envoy). */
  readonly steady: Run;
  readonly steadyShare: number;
  readonly gatewayEventLoopDelayP99Ms: number;
  readonly meanTokens: number;
}

export interface Plan {
  readonly callers: readonly number[];
  readonly seconds: number;
  readonly tenant: string;
  readonly token: string;
}

const STEADY_SHARE = 0.7;
/** Before the first figure of each target: connections, code and model shapes are warm by then. */
const WARM_UP = { seconds: 3, load: { callers: 8 } };

/** Every target at every number of callers, then the steady run. `say` tells how far it is. */
export async function measure(mesh: Mesh, driver: Driver, plan: Plan, say: (line: string) => void, signal: AbortSignal): Promise<Report> {
  let first = 0;
  let tokens = 0;
  let tokenised = 0;
  const run = async (target: Target, load: Job['load'], seconds: number): Promise<Run> => {
    const before = cpuOf(mesh);
    const measured = await driver.run({ target, seconds, first, load }, signal);
    const cpu = new Map([...cpuOf(mesh)].map(([program, total]) => [program, total - (before.get(program) ?? 0)]));
    first += measured.answered + Object.values(measured.failed).reduce((a, b) => a + b, 0);
    if (target.kind === 'predict') {
      tokens += measured.tokens;
      tokenised += measured.answered;
    }
    return runOf(target.kind, load, measured, cpu);
  };
  const runs: Run[] = [];
  const targets = targetsOf(mesh, plan);
  for (const target of targets) {
    say(`${target.kind}: warming up`);
    await run(target, WARM_UP.load, Math.min(WARM_UP.seconds, plan.seconds));
    for (const callers of plan.callers) {
      say(`${target.kind}: ${callers} ${callers === 1 ? 'caller' : 'callers'}, ${plan.seconds} s`);
      runs.push(await run(target, { callers }, plan.seconds));
    }
  }
  const outermost = targets.at(-1)!;
  const ratePerSecond = STEADY_SHARE * Math.max(...runs.filter((r) => r.target === outermost.kind).map((r) => r.queriesPerSecond));
  say(`${outermost.kind}: ${ratePerSecond.toFixed(0)} arrivals a second, ${plan.seconds} s`);
  // The figure covers the time since the last scrape.
  await scrapeEventLoopDelayP99Ms(mesh.metricsPorts.gateway);
  const steady = await run(outermost, { ratePerSecond }, plan.seconds);
  const gatewayEventLoopDelayP99Ms = await scrapeEventLoopDelayP99Ms(mesh.metricsPorts.gateway);
  return { runs, steady, steadyShare: STEADY_SHARE, gatewayEventLoopDelayP99Ms, meanTokens: tokens / tokenised };
}

function targetsOf(mesh: Mesh, { tenant, token, callers }: Plan): Target[] {
  // The open loop needs connections for what is unanswered at a time.
  const common = { tenant, token, connections: Math.max(512, ...callers) };
  return [
    { ...common, kind: 'predict', port: mesh.ports.inference },
    { ...common, kind: 'grpc', port: mesh.grpcPort },
    ...(mesh.httpUrl ? [{ ...common, kind: 'rest' as const, port: Number(new URL(mesh.httpUrl).port) }] : []),
  ];
}

/** Processor time that each program has taken, seconds. */
const cpuOf = (mesh: Mesh): Map<string, number> =>
  new Map([...mesh.programs].map(([name, program]) => [name, cpuSeconds(program.pid() ?? 0)]));

/** @param cpu processor time of each program during the run, seconds */
export function runOf(target: TargetKind, load: Job['load'], measured: Measured, cpu: ReadonlyMap<string, number>): Run {
  const { answered, seconds, degraded, failed, latenciesMs, timingsUs, timed } = measured;
  const stages = Object.entries(timingsUs).map(([stage, sumUs]) => [stage, sumUs / timed / 1000]);
  return {
    target,
    load,
    queriesPerSecond: answered / seconds,
    latencyMs: latencyOf(latenciesMs),
    queriesPerCpuSecond: answered / [...cpu.values()].reduce((a, b) => a + b, 0),
    cpuMs: Object.fromEntries([...cpu].map(([program, total]) => [program, (1000 * total) / answered])),
    answered,
    degraded,
    failed,
    stagesMs: timed > 0 ? (Object.fromEntries(stages) as Run['stagesMs']) : undefined,
    meanMs: latenciesMs.reduce((a, b) => a + b, 0) / answered,
  };
}
