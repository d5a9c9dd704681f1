import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../lib/packageRoot.js';
import { pages } from './pages.js';

describe('the reference', () => {
  it.each([...pages()])('%s is what contract and code say; if not, run "npm run generate"', (file, content) => {
    expect(readFileSync(new URL(`docs/reference/${file}`, packageRoot), 'utf8')).toBe(content);
  });
});
