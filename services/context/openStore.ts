import { join } from 'node:path';
import type { ConfigOf } from '../../lib/config.js';
import type { ContextConfig } from './config.js';
import { openPglite } from './pglite.js';
import { openPostgres } from './postgres.js';
import type { Store } from './store.js';

type StoreConfig = Pick<
  ConfigOf<typeof ContextConfig>,
  'databaseUrl' | 'databaseConnections' | 'statementTimeoutMs' | 'storeStartTimeoutMs' | 'dataDir'
>;

/** Postgres when there is a URL, else the embedded database in the data folder. @throws StartError */
export const openStore = (config: StoreConfig): Promise<Store> =>
  config.databaseUrl === undefined
    ? openPglite(join(config.dataDir, 'context'))
    : openPostgres({
        url: config.databaseUrl,
        connections: config.databaseConnections,
        statementTimeoutMs: config.statementTimeoutMs,
        startTimeoutMs: config.storeStartTimeoutMs,
      });
