import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { leashed } from './leash.js';

/** One process of the mesh. */
export interface Program {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Resolves once the program can do its work; asked again and again until `startMs` have passed. */
  readonly isReady: () => Promise<boolean>;
}

export interface Supervised {
  readonly name: string;
  pid(): number | undefined;
  /** Sends a signal to the running process, for fault tests. */
  kill(signal: NodeJS.Signals): void;
  stop(): Promise<void>;
}

/** Why a program could not be started. `exitCode` 78 is a mistake of configuration, and the message is the program's own. */
export class ProgramFailed extends Error {
  override readonly name = 'ProgramFailed';
  constructor(
    readonly program: string,
    readonly exitCode: number | null,
    readonly output: string,
  ) {
    super(`${program} did not start${exitCode === null ? '' : ` (exit ${exitCode})`}: ${output.trim() || 'it said nothing'}`);
  }
}

const START_MS = 90_000;
const STOP_MS = 12_000;
const BACKOFF_MS = [200, 500, 1000, 2000, 5000];
/** A process that ran this long was well: its next restart is quick again. */
const WELL_MS = 30_000;
/** A restarted program that says its configuration is wrong will not get better by itself. */
const EX_CONFIG = 78;

/** What runs. Each is a group of its own, which no terminal would end after us; by then nobody waits for an orderly end either. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts a program, waits until it is ready, and starts it again with growing delays whenever it dies by itself.
 * @param onOutput gets each line that the program prints
 * @param onRestart gets one line for each restart: what died, of what, and what runs in its place
 * @throws ProgramFailed when it ends before it was ready, or is not ready in time
 */
export async function supervise(
  program: Program,
  onOutput: (line: string) => void,
  onRestart: (line: string) => void = () => {},
): Promise<Supervised> {
  let stopping = false;
  let child = launch(program, onOutput);
  await untilReady(program, child);

  const watch = async (): Promise<void> => {
    for (let failures = 0; ; failures += 1) {
      const since = Date.now();
      await ended(child.process);
      if (stopping) return;
      if (Date.now() - since > WELL_MS) failures = 0;
      await wait(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)]);
      if (stopping) return;
      const dead = child;
      child = launch(program, onOutput);
      onRestart(`${program.name} (process ${dead.process.pid}) ${endOf(dead)}. It was started again as process ${child.process.pid}.`);
    }
  };
  const watching = watch();

  return {
    name: program.name,
    pid: () => child.process.pid,
    kill: (signal) => void child.process.kill(signal),
    stop: async () => {
      stopping = true;
      if (child.process.exitCode === null && child.process.signalCode === null) {
        child.process.kill('SIGTERM');
        const force = setTimeout(() => child.process.kill('SIGKILL'), STOP_MS);
        await ended(child.process);
        clearTimeout(force);
      }
      await watching;
    },
  };
}

interface Launched {
  readonly process: ChildProcess;
  tail(): string;
}

/** "was killed by SIGKILL", "ended with exit code 1". */
function endOf({ process: { exitCode, signalCode }, tail }: Launched): string {
  if (signalCode !== null) return `was killed by ${signalCode}`;
  return exitCode === EX_CONFIG ? `refused its configuration (${tail().trim()})` : `ended with exit code ${exitCode}`;
}

function launch(program: Program, onOutput: (line: string) => void): Launched {
  const { command, args } = leashed(program.command, program.args);
  // Its own process group: Ctrl-C on the terminal reaches the supervisor alone, which ends the others in order.
  const child = spawn(command, args, { env: program.env, stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) {
        lines.push(line);
        if (lines.length > 20) lines.shift();
        onOutput(line);
      }
    });
  }
  child.on('error', (error) => lines.push(error.message));
  running.add(child);
  child.once('close', () => running.delete(child));
  return { process: child, tail: () => lines.join('\n') };
}

const ended = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) await once(child, 'exit');
};

async function untilReady(program: Program, child: Launched): Promise<void> {
  const until = Date.now() + START_MS;
  let over = false;
  const failed = ended(child.process).then(() => (over = true));
  while (Date.now() < until && !over) {
    if (await program.isReady()) return;
    await Promise.race([wait(50), failed]);
  }
  child.process.kill('SIGKILL');
  await failed;
  // The pipes may hold the last words for a moment longer than the process lives.
  await wait(50);
  throw new ProgramFailed(program.name, child.process.exitCode, child.tail());
}
