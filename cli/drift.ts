import { fileURLToPath } from 'node:url';
import {
  DriftReport,
  ModelMonitoringServiceDefinition,
  RetrainingVerdict,
  UncheckedSpace,
} from '../gen/replymesh/v1/model_monitoring_service.js';
import { declare, type Environment, oneOf, parseConfig } from '../lib/config.js';
import { packageRoot } from '../lib/packageRoot.js';
import { withMesh } from './meshClient.js';
import { runProgram } from './pythonEnvironment.js';
import { printable } from './renderDecision.js';
import { renderDriftReport, renderUnchecked } from './renderDrift.js';
import { setVariables } from './settings.js';

export const DriftConfig = declare({
  retrain: oneOf({
    env: 'REPLYMESH_RETRAIN',
    values: ['off', 'auto'],
    default: 'off',
    doc: 'Whether a check of drift that wants a label space trained anew starts "retrain" for it; else it only says so.',
  }),
});

export interface CheckDriftOptions {
  readonly space?: string;
  /** Milliseconds up to now. */
  readonly window: number;
  readonly json?: boolean;
}

/** Compares the last messages with what the served bundle was fitted on. @returns 0 also where they have drifted: that is a finding and no failure */
export async function checkDrift({ space = '', window, json }: CheckDriftOptions, env: Environment, signal: AbortSignal): Promise<number> {
  const { retrain } = parseConfig(DriftConfig, env);
  const { reports, unchecked } = await withMonitoring(env, ['models.write'], (monitoring) =>
    monitoring.checkDrift({ labelSpace: space, window: { seconds: Math.round(window / 1000), nanos: 0 } }, { signal }),
  );
  process.stdout.write(
    json
      ? `${JSON.stringify({ reports: reports.map(DriftReport.toJSON), unchecked: unchecked.map(UncheckedSpace.toJSON) })}\n`
      : printable([...reports.map(renderDriftReport), ...unchecked.map(renderUnchecked)].join('') || 'There were no messages.\n'),
  );
  let code = 0;
  for (const command of retrainings(reports)) {
    if (retrain === 'off') process.stderr.write(`Next: npm run -s replymesh -- ${command.join(' ')}\n`);
    else code = (await runProgram(process.execPath, [MAIN, ...command], { signal, env: setVariables(env) })) || code;
  }
  return code;
}

/** The trainings that are wanted, one upon another; as few labels as the rule asked for will do for each. */
export const retrainings = (reports: readonly DriftReport[]): string[][] =>
  reports
    .filter(({ retraining }) => retraining === RetrainingVerdict.WANTED)
    .map(({ labelSpace, labels }) => ['retrain', '--space', labelSpace, '--least-labels', String(labels)]);

const MAIN = fileURLToPath(new URL('dist/cli/main.js', packageRoot));

export interface ListDriftOptions {
  readonly space?: string;
  readonly drifted?: boolean;
  readonly limit: number;
  readonly json?: boolean;
}

/** Prints drift reports, newest first. */
export async function listDrift({ space = '', drifted = false, limit, json }: ListDriftOptions, env: Environment): Promise<number> {
  const { reports } = await withMonitoring(env, ['models.read'], (monitoring) =>
    monitoring.listDriftReports({ labelSpace: space, drifted, pageSize: Math.min(limit, MOST_REPORTS) }),
  );
  process.stdout.write(
    json
      ? reports.map((report) => `${JSON.stringify(DriftReport.toJSON(report))}\n`).join('')
      : printable(reports.map(renderDriftReport).join('')),
  );
  return 0;
}
const MOST_REPORTS = 200;

const withMonitoring = <T>(
  env: Environment,
  scopes: readonly string[],
  work: Parameters<typeof withMesh<typeof ModelMonitoringServiceDefinition, T>>[3],
) => withMesh(ModelMonitoringServiceDefinition, scopes, env, work);
