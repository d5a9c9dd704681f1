/** Entry of the thread that `checkFiles` starts: checks the files of one bundle, says what is wrong, and ends. */
import { parentPort, workerData } from 'node:worker_threads';
import type { BundleFile } from '../../gen/replymesh/type/v1/bundle.js';
import { StartError } from '../../lib/errors.js';
import { readBundleFile, refuse } from './bundleFile.js';
import { externalTensors } from './onnxFile.js';

/** What the thread is started with. */
export interface CheckOrder {
  readonly root: string;
  readonly files: readonly BundleFile[];
}
/** What the thread says. */
export interface CheckResult {
  /** Absent when all is well. */
  readonly problem: string | undefined;
}

const { root, files } = workerData as CheckOrder;
const say = (result: CheckResult): void => parentPort?.postMessage(result);

try {
  for (const file of files) {
    const content = await readBundleFile(root, file);
    if (file.path.endsWith('.onnx')) refuseExternalData(file.path, content);
  }
  say({ problem: undefined });
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  say({ problem: error.message });
}

function refuseExternalData(path: string, content: Uint8Array): void {
  let external: string[];
  try {
    external = externalTensors(content);
  } catch {
    refuse(root, `${path} is not an ONNX model.`);
  }
  if (external.length > 0)
    refuse(root, `${path}: tensor "${external[0]}" has its data outside of the file. Export it with the data inside.`);
}
