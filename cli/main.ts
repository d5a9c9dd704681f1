import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { StartError } from '../lib/errors.js';
import { runStart } from '../mesh/start.js';
import { ask } from './ask.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { CommandFailed } from './failure.js';
import { printable } from './renderDecision.js';
import { token } from './token.js';

const EX_CONFIG = 78;
const MAX_TTL_S = 30 * 86_400;
const env = process.env;
const colour = process.stdout.isTTY === true && !env['NO_COLOR'];

const count = (raw: string): number => {
  if (!/^\d{1,15}$/.test(raw) || Number(raw) < 1) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(raw);
};
const ttl = (raw: string): number => {
  const seconds = count(raw);
  if (seconds > MAX_TTL_S) throw new InvalidArgumentError(`It must be at most ${MAX_TTL_S} s, which are 30 days.`);
  return seconds;
};
const httpUrl = (raw: string): string => {
  if (!URL.canParse(raw) || !/^https?:$/.test(new URL(raw).protocol))
    throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:8080.');
  return raw;
};
const address = (raw: string): string => {
  if (!/^[^\s/]+:\d{1,5}$/.test(raw)) throw new InvalidArgumentError('It must be an address such as 127.0.0.1:50053.');
  return raw;
};

const program = new Command('replymesh')
  .description('Understands customers’ messages, answers them, and knows when it does not know.')
  .exitOverride()
  .configureHelp({ sortSubcommands: true });
/** A subcommand whose help ends with an example. */
const command = (name: string, description: string, example: string): Command =>
  program.command(name).description(description).addHelpText('after', `\nExample:\n  npm run -s replymesh -- ${example}`);

command('start', 'start the whole mesh on embedded defaults, until Ctrl-C', 'start').action(() => runStart(env));

command('ask', 'send one message to a running mesh', 'ask "where is my refund?" --customer cus_ada')
  .argument('<text>', 'the customer’s message')
  .option('--customer <id>', 'who wrote it')
  .option('--session <id>', 'the conversation that it belongs to')
  .option('--request-id <id>', 'makes the call safe to repeat')
  .option('--space <name>', 'label space to read it in')
  .option('--stream', 'print sentences as they come')
  .option('--json', 'print one JSON document')
  .option('--url <url>', 'a mesh elsewhere; the one on REPLYMESH_HTTP_PORT otherwise', httpUrl)
  .action((text: string, options) => finish(ask(text, options, env, colour)));

command('evaluate', 'measure the models on a CSV file with the columns text and label', 'evaluate --data test.csv --space support --json')
  .requiredOption('--data <file>', 'the rows; those labelled out_of_scope are about nothing in the space')
  .option('--space <name>', 'label space', 'support')
  .option('--out-of-scope <file>', 'further rows, all of them out of scope')
  .option('--limit <n>', 'only the first n rows of each file', count)
  .option('--address <host:port>', 'an inference service that runs already', address)
  .option('--json', 'print one JSON document')
  .action((options) => finishClosing((signal) => evaluate(options, env, signal)));

command('token', 'print a token of the embedded key', 'token --scopes queries.write,queries.read')
  .requiredOption('--scopes <list>', 'scopes, with commas between them')
  .option('--tenant <name>', 'tenant', 'demo')
  .option('--subject <name>', 'subject', 'me')
  .option('--ttl <seconds>', 'life in seconds', ttl, 3600)
  .action((options) => finish(token(options, env)));

command('doctor', 'check what a mesh on this machine needs', 'doctor --json')
  .option('--json', 'print one JSON document')
  .action((options) => finish(doctor(options, env, colour)));

/** Codes of the shell: 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;
const onInterrupt = (leave: (code: number) => void): void => {
  for (const [signal, code] of Object.entries(SIGNALS)) process.on(signal, () => leave(code));
};
/** What the command was interrupted with, while it closes what it opened. */
let interruptedWith: number | undefined;

/** For commands that leave nothing behind: Ctrl-C ends them at once. */
async function finish(work: Promise<number>): Promise<void> {
  onInterrupt((code) => process.exit(code));
  process.exitCode = await work;
}

/** For commands that have something to close. A second Ctrl-C does not wait for it. */
async function finishClosing(work: (signal: AbortSignal) => Promise<number>): Promise<void> {
  const interrupted = new AbortController();
  onInterrupt((code) => {
    if (interrupted.signal.aborted) process.exit(code);
    interruptedWith = code;
    interrupted.abort();
  });
  process.exitCode = await work(interrupted.signal);
}

// Whoever reads us has enough, for example `head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

try {
  await program.parseAsync();
} catch (error) {
  if (interruptedWith !== undefined) process.exit(interruptedWith);
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof CommandFailed || error instanceof StartError) {
    process.stderr.write(`${printable(error.message)}\n`);
    process.exitCode = error instanceof StartError ? EX_CONFIG : error.exitCode;
  } else {
    process.stderr.write(`Something broke on our side: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}
