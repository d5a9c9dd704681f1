import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabelSpace } from '../gen/replymesh/type/v1/bundle.js';
import { type Environment, parseConfig } from '../lib/config.js';
import { type Batch, batchOf, type Task } from '../services/inference/batch.js';
import { type Bundle, openBundle } from '../services/inference/bundle.js';
import { InferenceConfig } from '../services/inference/config.js';
import { openInputs } from '../services/inference/inputs.js';
import { openModels, SENTIMENT_SPACE } from '../services/inference/models.js';
import { openTokenizer } from '../services/inference/tokenizer.js';
import { openHeads } from './heads.js';
import { openInt8Peak, PEAK_MULTIPLY_ADDS } from './int8Peak.js';
import { multiplyAdds } from './multiplyAdds.js';
import { withoutDropout } from './withoutDropout.js';

/** Processor time of one text, milliseconds, in batches of 16 texts of about one length. */
export interface StageTimes {
  /** The whole of a space with all its dropout samples. */
  readonly withSamples: number;
  /** The same with names looked for, as the gateway asks. */
  readonly withNames: number;
  /** The first without anything stochastic. */
  readonly withoutSamples: number;
  /** The shared encoder. */
  readonly encoder: number;
  /** Regression, forests, meta-learner and neighbours that run for every query. */
  readonly servedHeads: number;
  /** Those that the pool leaves out; 0 when there are none. */
  readonly offHeads: number;
}
export interface Stages {
  readonly times: StageTimes;
  /** Members of the heads. */
  readonly servedMembers: readonly string[];
  readonly offMembers: readonly string[];
  /** 8-bit multiply-adds that the texts need, against what the core does at most in that time. */
  readonly peakShare: number;
}

const BATCH = 16;
const ROUNDS = 9;

/** Measures in this thread, with the bundle that the environment names. */
export async function measureStages(env: Environment, spaceName: string, texts: readonly string[]): Promise<Stages> {
  const { bundleDir, defaultLabelSpace } = parseConfig(InferenceConfig, env);
  const bundle = await openBundle(bundleDir, defaultLabelSpace);
  const space = bundle.spaces.get(spaceName)!;
  const batches = await batchesOf(bundle, space, texts);
  const spaces = bundle.manifest.spaces.filter(({ name }) => name === spaceName || name === SENTIMENT_SPACE);
  const models = await openModels(bundle);
  const dir = await mkdtemp(join(tmpdir(), 'replymesh-bench-'));
  try {
    const certain = await openModels(
      await withoutDropout(
        bundle,
        spaces.map(({ name }) => name),
        dir,
      ),
    );
    const { served, off } = await openHeads(bundle, space, batches);
    const best = await bestTimes(batches, {
      withSamples: (batch) => models.run(batch),
      withNames: (batch) => models.run({ ...batch, shapes: new Int32Array(batch.ids.length).fill(1) }),
      withoutSamples: (batch) => certain.run(batch),
      encoder: (batch) => models.run({ ...batch, space: undefined, texts: undefined }),
      servedHeads: served.run,
      offHeads: off.run,
      peak: await openInt8Peak(),
    });
    const perText = (times: readonly number[]): number => times.reduce((a, b) => a + b, 0) / (batches.length * BATCH);
    const times = {
      withSamples: perText(best('withSamples')),
      withNames: perText(best('withNames')),
      withoutSamples: perText(best('withoutSamples')),
      encoder: perText(best('encoder')),
      servedHeads: perText(best('servedHeads')),
      offHeads: perText(best('offHeads')),
    };
    const addsPerMs = (await multiplyAdds(bundle, spaces, batches)) / times.withSamples;
    const peakPerMs = PEAK_MULTIPLY_ADDS / Math.min(...best('peak'));
    return { times, servedMembers: served.members, offMembers: off.members, peakShare: addsPerMs / peakPerMs };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Processor time of each batch, milliseconds. Turn by turn, and the best of the rounds: what the machine does beside strikes all alike. */
async function bestTimes<Name extends string>(
  batches: readonly Batch[],
  runs: Readonly<Record<Name, (batch: Batch) => Promise<unknown>>>,
): Promise<(name: Name) => readonly number[]> {
  const named = Object.entries(runs) as [Name, (batch: Batch) => Promise<unknown>][];
  const best = new Map(named.map(([name]) => [name, batches.map(() => Number.POSITIVE_INFINITY)]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of named) {
      const own = best.get(name)!;
      for (const [i, batch] of batches.entries()) {
        const before = process.cpuUsage();
        await run(batch);
        const { user, system } = process.cpuUsage(before);
        own[i] = Math.min(own[i]!, (user + system) / 1000);
      }
    }
  }
  return (name) => best.get(name)!;
}

export async function batchesOf(bundle: Bundle, space: LabelSpace, texts: readonly string[]): Promise<Batch[]> {
  const { tokenizer, byteTokenizer } = bundle.manifest;
  const read = await openInputs(bundle, await openTokenizer(bundle, tokenizer));
  const tasks = texts
    .map((text, i): Task => ({ space: space.name, inputs: read(text), seed: [i + 1, 2, 3, 4], votes: false, background: false }))
    .sort((a, b) => a.inputs.ids.length - b.inputs.ids.length);
  const pads = { padTokenId: tokenizer.padTokenId, bytePadTokenId: byteTokenizer?.padTokenId ?? 0 };
  return Array.from({ length: Math.floor(tasks.length / BATCH) }, (_, i) => {
    const own = tasks.slice(i * BATCH, (i + 1) * BATCH);
    return batchOf(own, own.at(-1)!.inputs.ids.length, pads);
  });
}
