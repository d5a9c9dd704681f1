import { packageRoot } from '../../lib/packageRoot.js';

/** The entry of a thread, by its name in this folder. Node cannot run TypeScript in a thread, so that tests use what was compiled, too. */
export const threadFile = (name: string): URL =>
  import.meta.url.endsWith('.ts') ? new URL(`dist/services/inference/${name}.js`, packageRoot) : new URL(`${name}.js`, import.meta.url);
