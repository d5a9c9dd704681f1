import { type Command, Option } from 'commander';
import type { Environment } from '../lib/config.js';
import { count, durationMs, share } from './commandArguments.js';
import { checkDrift, listDrift } from './drift.js';
import { addModel, compareModels, listModels, promoteModel, rollBackModel } from './models.js';

interface Frame {
  readonly command: (name: string, summary: string, description: string, ...examples: string[]) => Command;
  readonly env: Environment;
  readonly finish: (work: Promise<number>) => Promise<void>;
  readonly finishClosing: (work: (signal: AbortSignal) => Promise<number>) => Promise<void>;
}

/** The commands about which models are served and how they do. */
export function addModelCommands({ command, env, finish, finishClosing }: Frame): void {
  const models = command(
    'models',
    'see and change which models a running mesh serves',
    'Lists the bundles of models of a mesh on this machine, adds one, and changes which is served: without a restart and without a failed call.',
    'models list',
    'models add models/mine',
    'models promote 3f2a9c',
    'models compare challenger',
    'models promote challenger --if-better',
    'models rollback',
  );
  models
    .command('list')
    .description('what there is, newest first')
    .option('--json', 'print it as one JSON document')
    .action((options) => finish(listModels(options, env)));
  models
    .command('add')
    .description('check a bundle and copy it beside the others; nothing else changes')
    .argument('<folder>', 'with manifest.json')
    .action((folder: string) => finish(addModel(folder, env)));
  models
    .command('promote')
    .description('serve a bundle, once it was opened; a broken one changes nothing')
    .argument('<bundle>', 'the beginning of its digest, its name, name@version, or "challenger"')
    .option('--if-better', 'only when people’s labels show that it is better than the champion; else say why not, exit code 1')
    .option('--alpha <p>', 'how seldom one that is no better may pass', share, 0.05)
    .option('--min-disagreements <n>', 'fewest labelled messages on which one alone is right', count, 10)
    .action((named: string, options) => finish(promoteModel(named, options, env)));
  models
    .command('compare')
    .description('how a challenger does beside the champion: agreement, and who is right where they disagree')
    .argument('[bundle]', 'as for promote', 'challenger')
    .option('--space <name>', 'only messages that were read in it')
    .option('--json', 'print it as one JSON document')
    .action((named: string, options) => finish(compareModels(named, options, env)));
  models
    .command('rollback')
    .description('serve the bundle before')
    .action(() => finish(rollBackModel(env)));

  const drift = command(
    'drift',
    'see whether messages have changed since the models were fitted',
    'Compares the last messages of a mesh on this machine with what the served bundle was fitted on. With REPLYMESH_RETRAIN=auto drift that lasts starts "retrain".',
    'drift check',
    'drift check --space support --window 7d',
    'drift list --drifted',
  );
  drift
    .command('check')
    .description('compare and keep a report for each label space that has enough messages')
    .addOption(new Option('--window <time>', 'how far back: 90m, 24h, 7d').argParser(durationMs).default(durationMs('24h'), '24h'))
    .option('--space <name>', 'only this one')
    .option('--json', 'print the reports as one JSON document')
    .action((options) => finishClosing((signal) => checkDrift(options, env, signal)));
  drift
    .command('list')
    .description('earlier reports, newest first')
    .option('--space <name>', 'only of this one')
    .option('--drifted', 'only where drift was found')
    .option('--limit <n>', 'so many at most', count, 10)
    .option('--json', 'print one JSON document a line')
    .action((options) => finish(listDrift(options, env)));
}
