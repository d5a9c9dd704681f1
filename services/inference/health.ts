import { workersAlive } from './metrics.js';
import type { Workers } from './workers.js';

/** Keeps a server's health by its threads: without one alive nothing can be answered. */
export function followWorkers(workers: Pick<Workers, 'alive' | 'onAlive'>, server: { setHealthy(healthy: boolean): void }): void {
  const follow = (alive: number): void => {
    workersAlive.set(alive);
    server.setHealthy(alive > 0);
  };
  workers.onAlive(follow);
  follow(workers.alive);
}
