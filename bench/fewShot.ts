import type { Environment } from '../lib/config.js';
import { atLeast, atMost, behind, type Figure } from './figure.js';
import { pythonJson } from './python.js';

/** Rows drawn of each label. */
const EXAMPLES = 10;
/** What "seconds" is taken for. */
const SECONDS = 60;

/** What `python -m replymesh_training few-shot` prints; `accuracy` is the seeds' mean. */
interface Outcomes {
  readonly accuracy: number;
  readonly seeds: readonly { readonly seconds: number }[];
}
export interface FewShotOptions {
  /** Folder with train.csv and test.csv. */
  readonly data: string;
  /** The bundle whose trunk is built upon. */
  readonly bundleDir: string;
  readonly seeds: number;
}

/** How well a space of few examples does: learned on the frozen trunk, and with the top layers tuned. Without options nothing is run. */
export async function fewShotFigures(options: FewShotOptions | undefined, env: Environment, signal: AbortSignal): Promise<Figure[]> {
  const run = (flags: readonly string[]): Promise<Outcomes> | undefined => options && pythonJson(argumentsOf(options, flags), env, signal);
  const frozen = await run([]);
  const tuned = await run(['--fine-tune']);
  return behind('--few-shot', [
    atLeast(`own space, ${EXAMPLES} examples an intent: accuracy`, 0.865, frozen?.accuracy),
    atMost('  seconds to fit, slowest draw', SECONDS, slowest(frozen)),
    atLeast('  with --fine-tune: accuracy', 0.88, tuned?.accuracy),
    atMost('  with --fine-tune: seconds to fit, slowest draw', 300, slowest(tuned)),
  ]);
}

const argumentsOf = ({ data, bundleDir, seeds }: FewShotOptions, flags: readonly string[]): string[] => [
  ...['-m', 'replymesh_training', 'few-shot'],
  ...['--data', data],
  ...['--base', bundleDir],
  ...['--examples', String(EXAMPLES)],
  ...['--seeds', String(seeds)],
  ...flags,
];

const slowest = (outcomes: Outcomes | undefined): number | undefined =>
  outcomes && Math.max(...outcomes.seeds.map(({ seconds }) => seconds));
