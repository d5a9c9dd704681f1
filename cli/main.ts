import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { StartError } from '../lib/errors.js';
import { endOnFailure } from '../lib/shutdown.js';
import { runStart } from '../mesh/start.js';
import { ask } from './ask.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { token } from './token.js';

endOnFailure();
const count = (raw: string): number => {
  const value = Number(raw);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return value;
};

const program = new Command('replymesh')
  .description('Understands customers’ messages, answers them, and knows when it does not know.')
  .exitOverride()
  .configureHelp({ sortSubcommands: true });

program.command('start').description('start the whole mesh on embedded defaults, until Ctrl-C').action(runStart);

program
  .command('ask')
  .description('send one message to a running mesh')
  .argument('<text>', 'the customer’s message')
  .option('--customer <id>', 'who wrote it')
  .option('--request-id <id>', 'makes the call safe to repeat')
  .option('--space <name>', 'label space to read it in')
  .option('--stream', 'print sentences as they come')
  .option('--json', 'print one JSON document')
  .addHelpText('after', '\nExample: replymesh ask "where is my refund?" --customer cus_ada')
  .action(async (text: string, options) => exitWith(await ask(text, options)));

program
  .command('evaluate')
  .description('measure the models on a CSV file with the header text,label')
  .requiredOption('--data <file>', 'the rows')
  .option('--space <name>', 'label space', 'support')
  .option('--out-of-scope <file>', 'further rows, all of them out of scope')
  .option('--limit <n>', 'only the first n rows', count)
  .option('--address <host:port>', 'an inference service that runs already')
  .option('--json', 'print one JSON document')
  .addHelpText('after', '\nExample: replymesh evaluate --data test.csv --space support --json')
  .action(async (options) => exitWith(await evaluate(options)));

program
  .command('token')
  .description('print a token of the embedded key')
  .requiredOption('--scopes <list>', 'scopes, with commas between them')
  .option('--tenant <name>', 'tenant', 'demo')
  .option('--subject <name>', 'subject', 'cli')
  .option('--ttl <seconds>', 'life in seconds', count, 3600)
  .addHelpText('after', '\nExample: replymesh token --scopes queries.write,queries.read')
  .action(async (options) => exitWith(await token(options)));

program
  .command('doctor')
  .description('check what a mesh on this machine needs')
  .option('--json', 'print one JSON document')
  .action(async (options) => exitWith(await doctor(options)));

function exitWith(code: number): void {
  process.exitCode = code;
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof StartError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 78;
  } else throw error;
}
