import { type Command, Option } from 'commander';
import type { Environment } from '../lib/config.js';
import { count, instant } from './commandArguments.js';
import { exportTraining } from './exportTraining.js';
import { retrain } from './retrain.js';
import { train } from './train.js';

interface Commands {
  /** Makes a subcommand. */
  readonly command: (name: string, summary: string, description: string, ...examples: string[]) => Command;
  /** For commands that leave nothing behind. */
  readonly finish: (work: Promise<number>) => Promise<void>;
  /** For commands that have something to close. */
  readonly finishClosing: (work: (signal: AbortSignal) => Promise<number>) => Promise<void>;
  readonly env: Environment;
}

/** The commands by which the models learn. */
export function addLearningCommands({ command, finish, finishClosing, env }: Commands): void {
  command(
    'train',
    'train a label space of your own',
    'Trains a label space on your own rows, on the trunk of the shipped bundle, and prints the folder of the new bundle. Ten rows a label do. Needs no mesh.',
    'train --data theirs.csv --space theirs',
    'train --data theirs.csv --space theirs --fine-tune --held held.csv',
  )
    .requiredOption('--data <file>', 'CSV with the columns "text" and "label"; rows labelled out_of_scope show what belongs to none')
    .requiredOption('--space <name>', 'its name: small letters, digits and "-"')
    .option('--fine-tune', 'tune the top layers, too: minutes instead of seconds')
    .option('--held <file>', 'rows to report figures on, never trained on')
    .option('--calibration <file>', 'a random sample of what is asked, which alone calibrates when it is large enough; never trained on')
    .option('--base <dir>', 'the bundle whose trunk is used (default: models/default)')
    .option('--out <dir>', 'folder of the new bundle (default: .cache/bundles/<name>)')
    .option('--license <name>', 'licence of your rows, for the model card')
    .action((options) => finishClosing((signal) => train(options, env, signal)));

  command(
    'export-training',
    'write what people labelled as training rows',
    'Writes the messages of a mesh on this machine that people labelled: train.csv, calibration.csv with the fair sample, and provenance.json.',
    'export-training --space support --out labelled/',
    'export-training --space support --out labelled/ --since 30d --drawn random',
  )
    .requiredOption('--space <name>', 'label space that the messages were read in')
    .requiredOption('--out <dir>', 'folder of the files; those of the same names are replaced')
    .option('--since <time>', 'only messages labelled since a day such as 2026-11-01, or for so long, such as 30d', instant)
    .addOption(new Option('--drawn <how>', 'only labels of messages that came before a person so').choices(['random', 'chosen']))
    .action((options) => finish(exportTraining(options, env)));

  command(
    'retrain',
    'train a label space anew with what people labelled',
    'Trains a label space anew with what people labelled, upon the bundle that the mesh on this machine serves or the challenger made of it, and adds the new one as challenger. Prints its digest.',
    'retrain --space theirs',
    'retrain --space theirs --data theirs.csv --fine-tune',
  )
    .requiredOption('--space <name>', 'label space')
    .option(
      '--data <path>',
      'the rows that the space was trained on, which are kept beside the new ones: a CSV file, or a folder with train.csv; else what REPLYMESH_RETRAIN_DATA has of it',
    )
    .option('--since <time>', 'only messages labelled since a day such as 2026-11-01, or for so long, such as 30d', instant)
    .option('--least-labels <n>', 'fewest labelled rows to begin with', count, 50)
    .option('--fine-tune', 'tune the top layers, too: minutes instead of seconds')
    .option('--held <file>', 'rows to report figures on, never trained on')
    .option('--license <name>', 'licence of the rows, for the model card')
    .option('--afresh', 'upon the bundle that is served, and not upon a challenger that was made of it')
    .action((options) => finishClosing((signal) => retrain(options, env, signal)));
}
