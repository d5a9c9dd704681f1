import { Worker } from 'node:worker_threads';
import type { BundleFile } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import type { CheckOrder, CheckResult } from './fileChecker.js';
import { threadFile } from './threadFile.js';

/**
 * Checks that every file of the bundle in `root` has the size and digest that the manifest gives, and that no graph refers to anything outside.
 * In a thread of its own: on the main thread some hundred milliseconds of it would hold up every call. @throws StartError that names the file and what to do
 */
export function checkFiles(root: string, files: readonly BundleFile[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const checker = new Worker(threadFile('fileChecker'), { workerData: { root, files } satisfies CheckOrder, name: 'file checker' });
    checker.once('message', ({ problem }: CheckResult) => (problem === undefined ? resolve() : reject(new StartError(problem))));
    checker.once('error', reject);
    checker.once('exit', () => reject(new Error('The thread ended before it had checked the files.')));
  });
}
