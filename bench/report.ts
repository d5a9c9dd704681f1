import type { Report, Run } from './plan.js';

/** What the figures were taken on. */
export interface Setting {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly database: 'embedded' | 'postgres';
  readonly secondsPerRun: number;
}

const NAMES = { predict: 'inference.Predict', grpc: 'ProcessQuery, gRPC', rest: 'ProcessQuery, REST' };
/** Stages in the order of a query. What is left of the decision's total is the gateway's own; what the caller saw beyond it is the edge and the wire. */
const STAGES = { context: 'contextUs', models: 'inferenceUs', search: 'searchUs', reply: 'generationUs', record: 'recordUs' } as const;

/** Mean time of each hop of a run, milliseconds. They add up to the mean latency that the caller saw. */
export function hopsMs(run: Run): Record<keyof typeof STAGES | 'gateway' | 'edge', number> | undefined {
  const stages = run.stagesMs;
  if (!stages) return undefined;
  const named = Object.entries(STAGES).map(([hop, stage]) => [hop, stages[stage]] as const);
  const inStages = named.reduce((sum, [, ms]) => sum + ms, 0);
  const hops = Object.fromEntries(named) as Record<keyof typeof STAGES, number>;
  return { ...hops, gateway: Math.max(0, stages.totalUs - inStages), edge: Math.max(0, run.meanMs - stages.totalUs) };
}

/** The report for people, in 80 columns. */
export function tables(report: Report, setting: Setting): string {
  const { steady } = report;
  return [
    `${setting.cores} × ${setting.cpu}, Node ${setting.node}, ${setting.database} database,`,
    `caches off, ${setting.secondsPerRun} s a run, messages of ${number(report.meanTokens)} tokens in the mean,`,
    'the load driver on the same cores; q/cpu-s: queries for each second of CPU time',
    '',
    table(['', 'callers', 'q/s', 'p50 ms', 'p95 ms', 'p99 ms', 'q/cpu-s', 'failed'], report.runs.map(row)),
    '',
    'Mean time of each hop, ms and share of what the caller sees',
    hopTable(report.runs),
    '',
    'Processor time of each program for one query, ms and share',
    cpuTable(report.runs),
    '',
    `At ${report.steadyShare * 100} % of the peak: ${number(rateOf(steady))} arrivals/s, latency from the moment each was due`,
    table(['', 'q/s', 'p50 ms', 'p95 ms', 'p99 ms', 'q/cpu-s', 'failed'], [row(steady).filter((_, i) => i !== 1)]),
    `Gateway event-loop delay p99: ${number(report.gatewayEventLoopDelayP99Ms)} ms`,
    ...troubles([...report.runs, steady]),
    '',
  ].join('\n');
}

const row = (run: Run): string[] => [
  NAMES[run.target],
  'callers' in run.load ? String(run.load.callers) : '',
  ...[run.queriesPerSecond, run.latencyMs.p50, run.latencyMs.p95, run.latencyMs.p99, run.queriesPerCpuSecond].map(number),
  String(failures(run) + run.degraded),
];

function hopTable(runs: readonly Run[]): string {
  const rows = runs.flatMap((run) => {
    const hops = hopsMs(run);
    const callers = 'callers' in run.load ? String(run.load.callers) : '';
    return hops ? [[run.target, callers, ...Object.values(hops).map((ms) => `${number(ms)} ${share(ms, run.meanMs)}`)]] : [];
  });
  return table(['', 'n', 'context', 'models', 'search', 'reply', 'record', 'gateway', 'edge'], rows);
}

function cpuTable(runs: readonly Run[]): string {
  const programs = [...new Set(runs.flatMap((run) => Object.keys(run.cpuMs)))].sort();
  const rows = runs.map((run) => {
    const total = Object.values(run.cpuMs).reduce((a, b) => a + b, 0);
    const cells = programs.map((program) => `${number(run.cpuMs[program] ?? 0)} ${share(run.cpuMs[program] ?? 0, total)}`);
    return [run.target, 'callers' in run.load ? String(run.load.callers) : '', ...cells];
  });
  return table(['', 'n', ...programs], rows);
}

const share = (part: number, whole: number): string => `${Math.round((100 * part) / whole)}%`.padStart(3);
const failures = (run: Run): number => Object.values(run.failed).reduce((a, b) => a + b, 0);
const rateOf = ({ load, queriesPerSecond }: Run): number => ('ratePerSecond' in load ? load.ratePerSecond : queriesPerSecond);
const number = (value: number): string => (Number.isFinite(value) ? (value >= 100 ? value.toFixed(0) : value.toFixed(1)) : '–');

/** One line for each run in which not every query got its full answer. */
function troubles(runs: readonly Run[]): string[] {
  return runs
    .filter((run) => failures(run) + run.degraded > 0)
    .map((run) => {
      const reasons = Object.entries(run.failed).map(([reason, n]) => `${n} × ${reason}`);
      if (run.degraded > 0) reasons.push(`${run.degraded} × degraded`);
      return `! ${NAMES[run.target]}, ${'callers' in run.load ? `${run.load.callers} callers` : 'steady'}: ${reasons.join(', ')}`;
    });
}

/** Columns as wide as they need, the first to the left, numbers to the right. */
function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = header.map((name, i) => Math.max(name.length, ...rows.map((r) => r[i]!.length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(width[i]!) : cell.padStart(width[i]!)))
      .join('  ')
      .trimEnd();
  return [header, ...rows].map(line).join('\n');
}

/** The report for programs. Times in milliseconds. */
export function document(report: Report, setting: Setting): object {
  const run = (r: Run): object => ({
    target: r.target,
    ...('callers' in r.load ? { callers: r.load.callers } : { arrivals_per_second: r.load.ratePerSecond }),
    queries_per_second: r.queriesPerSecond,
    p50_ms: r.latencyMs.p50,
    p95_ms: r.latencyMs.p95,
    p99_ms: r.latencyMs.p99,
    mean_ms: r.meanMs,
    queries_per_cpu_second: r.queriesPerCpuSecond,
    cpu_ms: r.cpuMs,
    answered: r.answered,
    degraded: r.degraded,
    failed: r.failed,
    hops_ms: hopsMs(r) ?? null,
  });
  return {
    setting: {
      cpu: setting.cpu,
      cores: setting.cores,
      node: setting.node,
      database: setting.database,
      seconds_per_run: setting.secondsPerRun,
    },
    mean_tokens: report.meanTokens,
    runs: report.runs.map(run),
    steady: {
      share_of_peak: report.steadyShare,
      ...run(report.steady),
      gateway_event_loop_delay_p99_ms: report.gatewayEventLoopDelayP99Ms,
    },
  };
}
