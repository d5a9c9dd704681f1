import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../lib/packageRoot.js';

export interface DriftChecks {
  /** Pause between two checks, and how far each looks back; 0 makes none. */
  readonly everyMinutes: number;
  /** Whether a challenger that people's labels show to be better is promoted before each check. */
  readonly promote: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly onOutput: (line: string) => void;
}

const MAIN = join(fileURLToPath(packageRoot), 'dist', 'cli', 'main.js');
const MINUTE_MS = 60_000;

/**
 * Looked at again and again, p falls below 0.05 by chance far more often than once in 20 times. Below 0.01 it does so less often than that, also when it is
 * looked at after each of the first 100 messages that tell the two apart (pairedTest.test.ts).
 */
const ALPHA = '0.01';

/** Commands of one check, in turn. The challenger first: the check may put another one in its place. */
export const commandsOf = ({ everyMinutes, promote }: Pick<DriftChecks, 'everyMinutes' | 'promote'>): string[][] => [
  ...(promote ? [['models', 'promote', 'challenger', '--if-better', '--alpha', ALPHA]] : []),
  ['drift', 'check', '--window', `${everyMinutes}m`],
];

/** Runs "drift check" again and again, as a CronJob does in Kubernetes. A check that still runs is not overtaken. */
export function startDriftChecks({ everyMinutes, promote, env, onOutput }: DriftChecks): { close(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const run = async (command: readonly string[]): Promise<void> => {
    const child = spawn(process.execPath, [MAIN, ...command], { env, stdio: ['ignore', 'pipe', 'pipe'], signal: stopping.signal });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => text.trimEnd().split('\n').forEach(onOutput));
    await once(child, 'close').catch((error: Error) => stopping.signal.aborted || onOutput(error.message));
  };
  const check = async (): Promise<void> => {
    for (const command of commandsOf({ everyMinutes, promote })) if (!stopping.signal.aborted) await run(command);
  };
  const timer =
    everyMinutes === 0
      ? undefined
      : setInterval(() => {
          running ??= check().finally(() => (running = undefined));
        }, everyMinutes * MINUTE_MS);
  return {
    close: async () => {
      clearInterval(timer);
      stopping.abort();
      await running;
    },
  };
}
