// Makes a fresh clone runnable: checks Node, installs the locked packages, compiles. Does nothing where nothing has changed.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('.', import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Node ${process.versions.node} is too old: Replymesh needs 20.19 or newer.`);
  process.exit(78);
}

const run = (what, command, args) => {
  console.error(what);
  const { status } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    console.error(`${what} failed; what went wrong is above.`);
    process.exit(1);
  }
};
const changed = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);
const newestSource = (folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .reduce((newest, entry) => Math.max(newest, changed(join(entry.parentPath ?? entry.path, entry.name))), 0);

if (changed(join(root, 'node_modules/.package-lock.json')) < changed(join(root, 'package-lock.json')))
  run('Installing packages …', 'npm', ['ci']);

const sources = ['bench', 'cli', 'docs', 'envoy', 'gen', 'lib', 'mesh', 'services', 'test'].filter((folder) =>
  existsSync(join(root, folder)),
);
const built = changed(join(root, 'dist/built'));
if (built < Math.max(...sources.map(newestSource), changed(join(root, 'tsconfig.json')), changed(join(root, 'package-lock.json')))) {
  run('Compiling …', process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root]);
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(root, 'dist/built'), '');
}
