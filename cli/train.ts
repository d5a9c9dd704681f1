import { join, resolve } from 'node:path';
import type { Environment } from '../lib/config.js';
import { CommandFailed } from './failure.js';
import { runProgram, trainingPython } from './pythonEnvironment.js';
import { readRows } from './rows.js';
import { cacheDir, root, setVariables } from './settings.js';

export interface TrainOptions {
  readonly data: string;
  readonly space: string;
  readonly held?: string;
  readonly calibration?: string;
  readonly base?: string;
  readonly out?: string;
  readonly license?: string;
  readonly fineTune?: boolean;
}

const SPACE = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Every message is read in it, whatever else it is asked about. */
const RESERVED = 'sentiment';

/** @throws CommandFailed (2) when it cannot be the name of a team's own space */
export function refuseSpaceName(name: string): void {
  if (!SPACE.test(name)) throw new CommandFailed(`"${name}" cannot name a space: 1 to 63 small letters, digits and "-", not "-" first.`, 2);
  if (name === RESERVED) throw new CommandFailed(`Every message is read in the space "${RESERVED}". Choose another name.`, 2);
}

/** The arguments of `python -m replymesh_training`; paths are absolute. */
export const trainingArguments = (options: TrainOptions): string[] => [
  'space',
  ...['--data', resolve(options.data)],
  ...['--space', options.space],
  ...['--out', folderOf(options)],
  ...(options.held === undefined ? [] : ['--held', resolve(options.held)]),
  ...(options.calibration === undefined ? [] : ['--calibration', resolve(options.calibration)]),
  ...(options.base === undefined ? [] : ['--base', resolve(options.base)]),
  ...(options.license === undefined ? [] : ['--license', options.license]),
  ...(options.fineTune ? ['--fine-tune'] : []),
];

const folderOf = ({ out, space }: TrainOptions): string => (out === undefined ? join(cacheDir, 'bundles', space) : resolve(out));

/** Trains a team's own label space into a new bundle, and prints the bundle's folder. The Python's exit code is ours. */
export async function train(options: TrainOptions, env: Environment, signal: AbortSignal): Promise<number> {
  refuseSpaceName(options.space);
  // Before minutes of installing: Python reads them again, and more strictly.
  for (const file of [options.data, options.held, options.calibration]) if (file !== undefined) await readRows(file);
  const variables = setVariables(env);
  const python = await trainingPython(variables, signal);
  process.stderr.write(`Training the label space "${options.space}" …\n`);
  const code = await runProgram(python, ['-m', 'replymesh_training', ...trainingArguments(options)], {
    signal,
    env: { ...variables, PYTHONPATH: join(root, 'training') },
    onStdout: (text) => process.stdout.write(text),
  });
  if (code === 0) process.stderr.write(`Next: npm run -s replymesh -- models add ${folderOf(options)}\n`);
  return code;
}
