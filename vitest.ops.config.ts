import { defineConfig } from 'vitest/config'

/** `npm run test:ops`: what needs Prometheus, Alertmanager or nginx, and takes longer than `npm test` may. */
export default defineConfig({
  test: {
    include: ['apps/**/*.ops.test.ts', 'packages/**/*.ops.test.ts', 'deploy/**/*.ops.test.ts'],
    globalSetup: ['packages/devkit/src/testing/global-setup.ts'],
    testTimeout: 300_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Each file runs servers of its own: one after the other.
    maxWorkers: 1,
  },
})
