import { type MonitoringPoint, monitoringPoints, windowOf } from './modelMonitoring.js';
import type { Sink } from './relaySink.js';

const EXPERIMENT = 'replymesh-monitoring';
/** A run's tag that says which bundle it is of. */
const TAG = 'bundle_digest';
const TIMEOUT_MS = 10_000;
/** After a window's end, for what was recorded in it and is committed a moment later. */
const GRACE_MS = 5000;

interface Options {
  /** May hold user and password. */
  readonly uri: string;
  readonly windowMs: number;
}

/**
 * A run for each bundle, with a point for each window of time: what the events of that window say of the bundle. The same events make the same point, and
 * MLflow keeps one of those that are the same. A window that is cut, by the largest batch or because an event came very late, has a point for each part.
 */
export function openMlflowSink({ uri, windowMs }: Options): Sink {
  const call = caller(uri);
  const runs = new Map<string, string>();

  const runOf = async (bundleDigest: string, signal: AbortSignal): Promise<string> => {
    const known = runs.get(bundleDigest);
    if (known !== undefined) return known;
    const id = await findOrMakeRun(call, bundleDigest, signal);
    runs.set(bundleDigest, id);
    return id;
  };
  const logPoint = async ({ bundleDigest, step, timestamp, metrics }: MonitoringPoint, signal: AbortSignal): Promise<void> => {
    const run_id = await runOf(bundleDigest, signal);
    const rows = Object.entries(metrics).map(([key, value]) => ({ key, value, step, timestamp }));
    await call('runs/log-batch', { run_id, metrics: rows }, signal);
  };

  return {
    name: 'mlflow',
    batchSize: 10_000,
    due: (events) => {
      const { count, endMs } = windowOf(events, windowMs);
      // A later event tells that this window is over.
      return { count, at: new Date(count < events.length ? 0 : endMs + GRACE_MS) };
    },
    deliver: async (events, signal) => {
      const { points, refused } = monitoringPoints(events, windowMs);
      try {
        for (const point of points) await logPoint(point, signal);
        for (const { type, payload } of events)
          if (type === 'ModelPromoted') await nameChampion(call, String(payload['bundle_digest']), signal);
      } catch (error) {
        // Somebody may have removed a run.
        runs.clear();
        throw error;
      }
      return refused;
    },
    close: () => {},
  };
}

class MlflowError extends Error {
  override readonly name = 'MlflowError';
  constructor(
    path: string,
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(`MLflow answered ${path} with ${status} ${code}: ${message}`);
  }
}

type Call = <T>(path: string, body: object | undefined, signal: AbortSignal) => Promise<T>;

/** MLflow's REST API, version 2.0: a POST with a body, a GET without. */
function caller(uri: string): Call {
  const base = new URL(uri);
  const credentials = base.username === '' ? undefined : `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
  // fetch refuses an address that holds them.
  base.username = base.password = '';
  const headers = {
    'content-type': 'application/json',
    ...(credentials === undefined ? {} : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` }),
  };
  return async (path, body, signal) => {
    const response = await fetch(`${base.href.replace(/\/$/, '')}/api/2.0/mlflow/${path}`, {
      headers,
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const answer = (await response.json().catch(() => ({}))) as { error_code?: string; message?: string };
    if (!response.ok) throw new MlflowError(path, response.status, answer.error_code ?? '', answer.message ?? '');
    return answer as never;
  };
}

/** Training registers its bundles under this name (`training/replymesh_training/tracking.py`), each version with the bundle's tag. */
const REGISTERED = 'replymesh';

/** Gives the bundle's version of the registered model the alias `champion`; one that was trained elsewhere has none. */
async function nameChampion(call: Call, bundleDigest: string, signal: AbortSignal): Promise<void> {
  const filter = encodeURIComponent(`name = '${REGISTERED}' and tags.${TAG} = '${bundleDigest}'`);
  const { model_versions: [found] = [] } = await call<{ model_versions?: { version: string }[] }>(
    `model-versions/search?filter=${filter}&max_results=1`,
    undefined,
    signal,
  );
  if (found) await call('registered-models/alias', { name: REGISTERED, alias: 'champion', version: found.version }, signal);
}

/** The oldest run with the bundle's tag: two that were made at once, or after a lost answer, are one from then on. */
async function findOrMakeRun(call: Call, bundleDigest: string, signal: AbortSignal): Promise<string> {
  type Run = { info: { run_id: string } };
  const experiment_id = await findOrMakeExperiment(call, signal);
  const found = await call<{ runs?: Run[] }>(
    'runs/search',
    { experiment_ids: [experiment_id], filter: `tags.${TAG} = '${bundleDigest}'`, max_results: 1, order_by: ['attributes.start_time ASC'] },
    signal,
  );
  if (found.runs?.[0]) return found.runs[0].info.run_id;
  const made = await call<{ run: Run }>(
    'runs/create',
    { experiment_id, run_name: bundleDigest.slice(0, 12), start_time: Date.now(), tags: [{ key: TAG, value: bundleDigest }] },
    signal,
  );
  return made.run.info.run_id;
}

async function findOrMakeExperiment(call: Call, signal: AbortSignal): Promise<string> {
  type Found = { experiments?: { experiment_id: string }[] };
  const find = () => call<Found>('experiments/search', { filter: `name = '${EXPERIMENT}'`, max_results: 1 }, signal);
  const known = (await find()).experiments?.[0];
  return known?.experiment_id ?? (await call<{ experiment_id: string }>('experiments/create', { name: EXPERIMENT }, signal)).experiment_id;
}
