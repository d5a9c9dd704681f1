import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{lib,mesh,services,envoy,cli,bench,docs,test}/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Files start whole meshes: one at a time, so that they do not starve each other.
    fileParallelism: false,
    env: { REPLYMESH_LOG_LEVEL: 'silent' },
  },
});
