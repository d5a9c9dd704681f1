/** The load driver: a process of its own, so that what it costs is not counted as the mesh's. Takes one job at a time over IPC. */
import { closedLoop, type Measured, openLoop } from './load.js';
import { openTarget, type Target } from './targets.js';

export interface Job {
  readonly target: Target;
  readonly seconds: number;
  /** Number of the first message. */
  readonly first: number;
  /** So many callers, each waiting for its answer; or a fixed rate of arrival. */
  readonly load: { readonly callers: number } | { readonly ratePerSecond: number };
}

async function run({ target, seconds, first, load }: Job): Promise<Measured> {
  const open = openTarget(target);
  try {
    return await ('callers' in load
      ? closedLoop(open.send, { ...load, seconds, first })
      : openLoop(open.send, { ...load, seconds, first }));
  } finally {
    open.close();
  }
}

process.on('message', (job: Job) => {
  void run(job).then((measured) => process.send!(measured));
});
// The bench has gone: nobody wants the answer.
process.on('disconnect', () => process.exit(0));
