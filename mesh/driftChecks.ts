import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../lib/packageRoot.js';

export interface DriftChecks {
  /** Pause between two checks, and how far each looks back; 0 makes none. */
  readonly everyMinutes: number;
  readonly env: Readonly<Record<string, string>>;
  readonly onOutput: (line: string) => void;
}

const MAIN = join(fileURLToPath(packageRoot), 'dist', 'cli', 'main.js');
const MINUTE_MS = 60_000;

/** Runs "drift check" again and again, as a CronJob does in Kubernetes. A check that still runs is not overtaken. */
export function startDriftChecks({ everyMinutes, env, onOutput }: DriftChecks): { close(): Promise<void> } {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const check = async (): Promise<void> => {
    const args = [MAIN, 'drift', 'check', '--window', `${everyMinutes}m`];
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'], signal: stopping.signal });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => text.trimEnd().split('\n').forEach(onOutput));
    await once(child, 'close').catch((error: Error) => stopping.signal.aborted || onOutput(error.message));
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
