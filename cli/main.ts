import { Command, CommanderError, Option } from 'commander';
import { StartError } from '../lib/errors.js';
import { runStart } from '../mesh/start.js';
import { showAnalytics } from './analytics.js';
import { ask } from './ask.js';
import { listAudit, verifyAudit } from './audit.js';
import { address, count, durationMs, httpUrl, instant, languageTag, ttl } from './commandArguments.js';
import { eraseCustomer, exportCustomer } from './customer.js';
import { importCustomers } from './customers/importCustomers.js';
import { doctor } from './doctor.js';
import { evaluate } from './evaluate.js';
import { CommandFailed } from './failure.js';
import { importKnowledge } from './knowledge/importKnowledge.js';
import { addLearningCommands } from './learningCommands.js';
import { addModelCommands } from './modelCommands.js';
import { printable } from './renderDecision.js';
import { replay } from './replay.js';
import { knownScopes } from './settings.js';
import { token } from './token.js';

const EX_CONFIG = 78;
const env = process.env;
const colour = process.stdout.isTTY === true && !env['NO_COLOR'];

// Its name is what a person types, so that the usage can be pasted.
const program = new Command('npm run -s replymesh --')
  .description('Understands customers’ messages, answers them, and knows when it does not know.')
  .exitOverride()
  .showHelpAfterError('Add --help to see what it takes.')
  .configureHelp({ sortSubcommands: true })
  .addHelpText(
    'after',
    `
Each command tells more with --help. They find the mesh of this machine by
REPLYMESH_HTTP_PORT (8080), REPLYMESH_GRPC_PORT (50051) and REPLYMESH_DATA_DIR
(.data). Data goes to stdout, talk to stderr.

Exit codes:  0 done   1 failed   2 used in a wrong way   78 configuration does not hold`,
  );
/** A subcommand whose help ends with examples. */
const command = (name: string, summary: string, description: string, ...examples: string[]): Command =>
  program
    .command(name)
    .summary(summary)
    .description(description)
    .addHelpText(
      'after',
      `\n${examples.length > 1 ? 'Examples' : 'Example'}:${examples.map((e) => `\n  npm run -s replymesh -- ${e}`).join('')}`,
    );

command(
  'start',
  'start the whole mesh, until Ctrl-C',
  'Starts the four services behind Envoy on embedded defaults, prints lines to paste, and runs until Ctrl-C. The same as "npm start".',
  'start',
).action(() => runStart(env));

command(
  'ask',
  'send one message to a running mesh',
  'Sends one customer’s message to a running mesh and shows what was decided, why, and the reply. Nothing is sent to anybody.',
  'ask "where is my refund?" --customer cus_ada',
  'ask "where is my refund?" --stream',
  'ask "where is my refund?" --json',
)
  .argument('<text>', 'the customer’s message, in quotes')
  .option('--customer <id>', 'who wrote it; cus_ada is one of the demonstration')
  .option('--session <id>', 'the conversation that it belongs to')
  .option('--request-id <id>', 'asked again with the same id, the first answer comes back')
  .option('--space <name>', 'label space to read it in (default: the mesh’s own)')
  .option('--stream', 'print sentences as they come, then the decision')
  .option('--json', 'print the decision as one JSON document')
  .option('--url <url>', 'a mesh elsewhere (default: the one of this machine)', httpUrl)
  .action((text: string, options) => finish(ask(text, options, env, colour)));

command(
  'evaluate',
  'measure the models on labelled rows',
  'Measures the models on a CSV file with the columns "text" and "label": accuracy, calibration, and how well doubt finds mistakes. Needs no mesh.',
  'evaluate --data test.csv',
  'evaluate --data test.csv --space support --json',
)
  .requiredOption('--data <file>', 'the rows; those labelled out_of_scope are about nothing in the space')
  .option('--space <name>', 'label space', 'support')
  .option('--out-of-scope <file>', 'further rows, all of them out of scope')
  .option('--limit <n>', 'only the first n rows of each file', count)
  .option('--address <host:port>', 'an inference service that runs already (default: one is started)', address)
  .option('--json', 'print the figures as one JSON document')
  .action((options) => finishClosing((signal) => evaluate(options, env, signal)));

addLearningCommands({ command, finish, finishClosing, env });

addModelCommands({ command, env, finish, finishClosing });

const knowledge = command(
  'knowledge',
  'import the articles that replies stand on',
  'Brings articles from Markdown, HTML and CSV into a mesh on this machine. Doing it twice changes nothing.',
  'knowledge import help/',
  'knowledge import help/ --prune --dry-run',
  'knowledge import faq.csv --audience AGENT',
  'knowledge import https://help.example.com/sitemap.xml',
);
knowledge
  .command('import')
  .description('import a folder with all below it, a file, a page, or what a sitemap names; what is refused is told with file and line')
  .argument('<target>', 'folder, file or URL')
  .option('--dry-run', 'only say what would be done')
  .option('--prune', 'delete the articles that came from there and are no longer there')
  .option('--replace', 'take the place of articles with the same id that come from elsewhere')
  .option(
    '--source <name>',
    'what a folder is called in the mesh (default: its path); the same name from another machine is the same source',
  )
  .addOption(new Option('--audience <name>', 'who may read what does not say so itself').choices(['PUBLIC', 'AGENT']).default('PUBLIC'))
  .option('--language <tag>', 'language of what does not say so itself, such as en', languageTag)
  .option('--json', 'print the counts and what was refused as one JSON document')
  .action((target: string, options) => finishClosing((signal) => importKnowledge(target, options, env, signal)));

const customer = command(
  'customer',
  'import, export or erase what is held about customers',
  'Brings customers of another system into a mesh on this machine, gives everything that it holds about one, or erases it with a receipt.',
  'customer import customers.ndjson',
  'customer export cus_ada > cus_ada.json',
  'customer erase cus_ada --yes',
);
customer
  .command('import')
  .description(
    'store profiles, and add what happened with them; what is refused is told with file and line, and importing twice adds nothing',
  )
  .argument('<file>', 'NDJSON or a JSON array of {"profile": …, "interactions": [ … ]}')
  .option('--json', 'print the counts and what was refused as one JSON document')
  .action((file: string, options) => finishClosing((signal) => importCustomers(file, options, env, signal)));
customer
  .command('export')
  .description('print it as one JSON document')
  .argument('<id>', 'id of the customer')
  .action((id: string) => finish(exportCustomer(id, env)));
customer
  .command('erase')
  .description('destroy the customer’s key and remove all that is stored; this cannot be undone')
  .argument('<id>', 'id of the customer')
  .option('--yes', 'do it')
  .option('--request-id <id>', 'asked again with the same id, the first receipt comes back')
  .option('--json', 'print the receipt as one JSON document')
  .action((id: string, options) => finish(eraseCustomer(id, options, env)));

command(
  'analytics',
  'see how well messages are answered',
  'Counts the messages of a mesh on this machine: how many were sent unseen, how sure the models were, what people said. What nobody knows is unknown.',
  'analytics',
  'analytics --since 24h --space support',
  'analytics --since 30d --json',
)
  .addOption(
    new Option('--since <time>', 'how far back, in whole hours: 90m, 24h, 7d').argParser(durationMs).default(durationMs('7d'), '7d'),
  )
  .option('--space <name>', 'only messages that were read in it')
  .option('--json', 'print the figures as one JSON document')
  .action((options) => finish(showAnalytics(options, env)));

command(
  'replay',
  'make recorded decisions again and compare them',
  'Makes recorded decisions of a mesh on this machine again, without a language model, and compares them byte for byte. Exit code 1 when one differs. With another policy: what that would have decided.',
  'replay --since 2026-11-01',
  'replay --since 7d --limit 1000',
  'replay --since 30d --policy stricter.json',
)
  .requiredOption('--since <time>', 'messages from this day or time on, or how long ago: 2026-11-01, 24h, 7d', instant)
  .option('--until <time>', 'messages before this day or time', instant)
  .option('--limit <n>', 'so many at most, the newest', count)
  .option('--policy <file>', 'tell what this policy would have decided, from the records alone')
  .option('--json', 'print the report as one JSON document')
  .action((options) => finish(replay(options, env)));

const audit = command(
  'audit',
  'see and verify the log of what was done',
  'Lists what was done and by whom in a mesh on this machine, and proves that nobody has touched the log since.',
  'audit verify',
  'audit list --subject cus_ada',
  'audit list --action customer.erased --json',
);
audit
  .command('list')
  .description('what was done, newest first')
  .option('--subject <id>', 'only to this query, article or customer')
  .option('--actor <name>', 'only by this one')
  .option('--action <name>', 'only this, for example customer.erased')
  .option('--limit <n>', 'so many at most', count, 50)
  .option('--json', 'print one JSON document a line')
  .action((options) => finish(listAudit(options, env)));
audit
  .command('verify')
  .description('compute all hashes again; exit code 1 and the first record that was touched when one was')
  .option('--json', 'print the verdict as one JSON document')
  .action((options) => finish(verifyAudit(options, env)));

command(
  'token',
  'print a token for a mesh on this machine',
  `Prints a bearer token, signed with the key in REPLYMESH_DATA_DIR.\nScopes: ${knownScopes.join(', ')}.`,
  'token --scopes queries.write,queries.read',
  'token --scopes knowledge.read --tenant demo --ttl 86400',
)
  .requiredOption('--scopes <list>', 'what it opens, with commas between them')
  .option('--tenant <name>', 'whose data it opens', 'demo')
  .option('--subject <name>', 'who calls', 'me')
  .option('--ttl <seconds>', 'how long it is good for, 30 days at most', ttl, 3600)
  .action((options) => finish(token(options, env)));

command(
  'doctor',
  'check what a mesh on this machine needs',
  'Checks what a mesh on this machine needs, and says how to mend what is missing. Fetches Envoy where there is none.',
  'doctor',
)
  .option('--json', 'print the findings as one JSON document')
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
