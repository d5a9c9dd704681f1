import { StartError } from './errors.js';
import { log } from './log.js';

/** A part of a process that can be ended. */
export interface Closable {
  /** How long closing may take, milliseconds, where that is more than a moment. */
  readonly closeMs?: number;
  close(): Promise<void>;
}

/** Time for all that closes in a moment, together. */
const MOMENT_MS = 10_000;
/** What the parts may take altogether, milliseconds. */
export const shutdownLimitMs = (parts: readonly Closable[]): number => parts.reduce((sum, { closeMs = 0 }) => sum + closeMs, MOMENT_MS);

/** Ends the parts one after the other on SIGTERM or SIGINT, then the process: with 0, or with 1 when a part failed or they took too long. */
export function onShutdown(parts: readonly Closable[]): void {
  let closing = false;
  const shutdown = (signal: string): void => {
    if (closing) return;
    closing = true;
    log.info({ signal }, 'shutting down');
    setTimeout(() => process.exit(1), shutdownLimitMs(parts)).unref();
    void closeInOrder(parts).then((failed) => {
      log.info({ failed }, 'stopped');
      process.exit(failed === 0 ? 0 : 1);
    });
  };
  process.on('SIGTERM', shutdown);
  process.on('SIGINT', shutdown);
}

async function closeInOrder(parts: readonly Closable[]): Promise<number> {
  let failed = 0;
  for (const part of parts) {
    try {
      await part.close();
    } catch (error) {
      failed += 1;
      log.error({ error }, 'a part did not close');
    }
  }
  return failed;
}

/** What nobody caught ends the process: an expected failure at start with its message and 78 (EX_CONFIG), anything else with a log line and 70 (EX_SOFTWARE). */
export function endOnFailure(): void {
  const end = (error: unknown): void => {
    if (error instanceof StartError) {
      process.stderr.write(`${error.message}\n`);
      process.exit(78);
    }
    log.fatal({ error }, 'unexpected failure');
    process.exit(70);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}
