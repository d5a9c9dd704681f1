import { SingleBar } from 'cli-progress';

/** A bar on stderr where that is a terminal; nothing anywhere else. */
export function progressBar(what: string, total: number): Pick<SingleBar, 'increment' | 'stop'> {
  if (!process.stderr.isTTY) return { increment: () => {}, stop: () => {} };
  const format = `${what} {bar} {value}/{total} {eta_formatted}`;
  const bar = new SingleBar({ format, stream: process.stderr, gracefulExit: false, clearOnComplete: true });
  bar.start(total, 0);
  return bar;
}
