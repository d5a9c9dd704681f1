import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { createFileRegistry, type DescFile, fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { packageRoot } from '../lib/packageRoot.js';
import { apiPage } from './apiPage.js';
import { configurationPage } from './configurationPage.js';
import { databasePage } from './databasePage.js';
import { errorsPage } from './errorsPage.js';
import { eventsPage } from './eventsPage.js';

/** Content of each generated page of `docs/reference/` by its file name. */
export function pages(): Map<string, string> {
  const files = describedFiles();
  return new Map([
    ['api.md', apiPage(files)],
    ['errors.md', errorsPage(files)],
    ['configuration.md', configurationPage()],
    ['database.md', databasePage()],
    ['events.md', eventsPage()],
  ]);
}

/** The contract with its comments, which the descriptor set in `gen/` leaves out. */
function describedFiles(): DescFile[] {
  const buf = fileURLToPath(new URL('node_modules/.bin/buf', packageRoot));
  const bytes = execFileSync(buf, ['build', '--as-file-descriptor-set', '-o', '-'], { cwd: packageRoot, maxBuffer: 64 * 2 ** 20 });
  return [...createFileRegistry(fromBinary(FileDescriptorSetSchema, bytes) as FileDescriptorSet).files];
}
