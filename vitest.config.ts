import { configDefaults, defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['apps/**/*.test.ts', 'packages/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: [...configDefaults.exclude, '**/*.ops.test.ts'],
    globalSetup: ['packages/devkit/src/testing/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    coverage: {
      provider: 'v8',
      include: ['apps/*/src/**/*.ts', 'packages/*/src/**/*.ts'],
      // Coverage does not see child processes: what runs only as a process of its own is left out.
      exclude: ['**/*.test.ts', '**/main.ts', 'packages/*/src/cli/**', 'packages/devkit/src/bench/**', '**/guard.ts'],
      thresholds: { lines: 80 },
      reporter: ['text-summary', 'json-summary'],
    },
  },
})
