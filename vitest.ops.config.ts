import { defineConfig } from 'vitest/config'

const SHARED = {
  testTimeout: 300_000,
  hookTimeout: 300_000,
  pool: 'forks',
} as const

/** `npm run test:ops`: what needs Prometheus, Alertmanager, nginx or several servers of a kind, and takes longer than `npm test` may. */
export default defineConfig({
  test: {
    // Each file runs servers of its own: one after the other.
    maxWorkers: 1,
    projects: [
      {
        test: {
          ...SHARED,
          name: 'ops',
          include: ['apps/**/*.ops.test.ts', 'packages/**/*.ops.test.ts', 'deploy/**/*.ops.test.ts'],
          globalSetup: ['packages/devkit/src/testing/global-setup.ts'],
        },
      },
      {
        test: {
          ...SHARED,
          // The same tests as in `npm test`, on a Redis Cluster of three masters and three replicas.
          name: 'redis-cluster',
          include: [
            ...['main-path', 'routing', 'retries', 'rate-limits', 'limit-properties', 'merge', 'message-recall'],
            ...[
              'outcomes',
              'callbacks',
              'app-delivery',
              'standby',
              'worker-queues',
              'worker-killed',
              'dynamic-settings',
            ],
          ]
            .map((name) => `apps/worker/test/${name}.test.ts`)
            .concat(
              ['inbox-stream', 'bull-board', 'batch', 'operations', 'rate-limit'].map(
                (name) => `apps/api/test/${name}.test.ts`,
              ),
            ),
          globalSetup: ['packages/devkit/src/testing/redis-cluster-setup.ts'],
        },
      },
    ],
  },
})
