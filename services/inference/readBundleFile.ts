import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { InferenceServiceDefinition } from '../../gen/replymesh/inference/v1/inference_service.js';
import { StartError } from '../../lib/errors.js';
import type { Handler } from '../../lib/server.js';
import { fail } from '../errors.js';
import { MANIFEST } from './bundle.js';
import { withoutFolder } from './describeModels.js';
import type { Registry } from './registry.js';

const PART_BYTES = 512 * 1024;

/** Reads one file of a bundle: nothing but its manifest and what that declares. */
export const readBundleFile = ({ registry }: { registry: Registry }): Handler<InferenceServiceDefinition, 'readBundleFile'> =>
  async function* ({ digest, path }, call) {
    if ((await registry.folderOf(digest)) === undefined) fail('BUNDLE_UNKNOWN', { digest });
    const refuse = (problem: string): never => fail('BUNDLE_BROKEN', { digest, problem });
    const { dir, manifest } = await registry.manifestOf(digest).catch((error: unknown) => {
      if (error instanceof StartError) return refuse(withoutFolder(error.message));
      throw error;
    });
    if (path !== MANIFEST && !manifest.files.some((file) => file.path === path)) refuse(`it declares no file "${path}".`);
    for await (const content of createReadStream(join(dir, path), { highWaterMark: PART_BYTES, signal: call.signal }))
      yield { content: content as Buffer };
  };
