import { sql } from 'drizzle-orm';
import type { DescribeBundleResponse, InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import type { BundleManifest, LabelSpace } from '../../gen/replymesh/type/v1/bundle.js';
import type {
  CheckDriftResponse,
  DriftReport,
  ModelMonitoringServiceDefinition,
  UncheckedSpace,
} from '../../gen/replymesh/v1/model_monitoring_service.js';
import type { Bundle, ModelServiceDefinition } from '../../gen/replymesh/v1/model_service.js';
import type { Call, Within } from '../../lib/call.js';
import type { MeshClient } from '../../lib/client.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import type { ContentKeys } from './contentKeys.js';
import { driftOf } from './drift.js';
import { storeDriftReport } from './driftReportRow.js';
import { readDriftWindow } from './driftWindow.js';
import { type KnownLabels, knownLabelsIn } from './knownLabels.js';
import { type CheckedWindow, labelsSince, type RetrainingRule, retrainingVerdict } from './retraining.js';
import { millis, rowsOf, type Store } from './store.js';
import { countUsableLabels } from './usableLabels.js';

export interface DriftRule extends RetrainingRule {
  /** Fewest messages that are compared. */
  readonly leastRows: number;
}

interface Parts {
  readonly store: Store;
  readonly keys: ContentKeys;
  readonly inference: Pick<MeshClient<InferenceServiceDefinition>, 'describeBundle'>;
  readonly models: Pick<MeshClient<ModelServiceDefinition>, 'listBundles'>;
  readonly rule: DriftRule;
  readonly now: () => Date;
  readonly newReportId: () => string;
}

const DAY_S = 86_400;

export const checkDrift =
  (parts: Parts): Handler<ModelMonitoringServiceDefinition, 'checkDrift'> =>
  async ({ labelSpace, window }, call) => {
    const [served, { bundles }] = await Promise.all([
      parts.inference.describeBundle({}, { within: call }),
      parts.models.listBundles({}, { within: call }),
    ]);
    const spaces = asked(served.manifest!, labelSpace);
    const end = parts.now();
    const start = new Date(end.getTime() - (window?.seconds ?? DAY_S) * 1000);
    const found: CheckDriftResponse = { reports: [], unchecked: [] };
    for (const space of spaces) {
      const checked = await checkSpace(parts, call, { served, bundles, space, start, end });
      if ('id' in checked) found.reports.push(checked);
      else if (checked.rows > 0 || labelSpace !== '') found.unchecked.push(checked);
    }
    return found;
  };

const asked = ({ spaces }: BundleManifest, name: string): readonly LabelSpace[] => {
  if (name === '') return spaces;
  const space = spaces.find((one) => one.name === name);
  return space ? [space] : fail('LABEL_SPACE_UNKNOWN', { space: name, known: spaces.map((one) => one.name).join(', ') });
};

interface Checked {
  readonly served: DescribeBundleResponse;
  readonly bundles: readonly Bundle[];
  readonly space: LabelSpace;
  readonly start: Date;
  readonly end: Date;
}

async function checkSpace(
  parts: Parts,
  call: Call,
  { served, bundles, space, start, end }: Checked,
): Promise<DriftReport | UncheckedSpace> {
  const { store, keys, rule, newReportId } = parts;
  const { name: modelName, createTime = start } = served.manifest!;
  const { digest } = served;
  const window = { bundleDigest: digest, labelSpace: space.name, start, end };
  const least = space.reference ? rule.leastRows : Number.POSITIVE_INFINITY;
  const { rows, count } = await readDriftWindow({ store, keys }, call, window, least);
  if (!space.reference || rows.length < least)
    return { labelSpace: space.name, rows: rows.length || count, leastRows: space.reference ? least : 0 };
  const drift = driftOf(space, space.reference, rows);
  const since = labelsSince(space.name, createTime, bundles);
  const history = await readHistory(store, call, knownLabelsIn(served, space.name), since);
  const report: DriftReport = {
    id: newReportId(),
    modelName,
    bundleDigest: digest,
    labelSpace: space.name,
    startTime: start,
    endTime: end,
    rows: rows.length,
    score: drift.score,
    drifted: drift.drifted,
    measures: [...drift.measures],
    shifts: [...drift.shifts],
    retraining: retrainingVerdict([{ start, end, drifted: drift.drifted }, ...history.windows], history.labels, rule),
    labels: history.labels,
    createTime: end,
  };
  await store.within(call, (tx) => storeDriftReport(tx, call.principal.tenant, report));
  return report;
}

/** Earlier windows that are looked at: those that the rule may ask for, where some overlap. */
const MOST_WINDOWS = 1000;

/** Earlier windows of the bundle, and how many messages people have labelled since then that a training would learn from. */
const readHistory = (store: Store, call: Within, known: KnownLabels, since: Date) =>
  store.within(call, async (tx) => {
    const windows = await rowsOf<{ start: number; end: number; drifted: boolean }>(
      tx,
      sql`
        select ${millis('window_start')} as start, ${millis('window_end')} as end, drifted from drift_reports
        where model_version = ${known.bundleDigest} and label_space = ${known.space} order by created_at desc limit ${MOST_WINDOWS}`,
    );
    const labels = await countUsableLabels(tx, known, since);
    const checked: CheckedWindow[] = windows.map(({ start, end, drifted }) => ({ start: new Date(start), end: new Date(end), drifted }));
    return { windows: checked, labels };
  });
