import { writeFileSync } from 'node:fs';
import { packageRoot } from '../lib/packageRoot.js';
import { pages } from './pages.js';

/** Writes the reference pages that are made from the contract and the code; part of `npm run generate`. */
for (const [file, content] of pages()) writeFileSync(new URL(`docs/reference/${file}`, packageRoot), content);
