import { existsSync } from 'node:fs';

function find(from: URL): URL {
  const here = new URL('.', from);
  if (existsSync(new URL('package.json', here)) && existsSync(new URL('gen/descriptor.binpb', here))) return here;
  const parent = new URL('..', here);
  if (parent.href === here.href) throw new Error('The package root was not found above the running code.');
  return find(parent);
}

/** The folder of `package.json`, the same from TypeScript (tests) and from `dist/`. */
export const packageRoot: URL = find(new URL(import.meta.url));
