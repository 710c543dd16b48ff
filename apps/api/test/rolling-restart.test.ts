import type { TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { restartUnderLoad, startRestartableSystem } from './rolling-restart.ts'

const GRACE_MS = 500

let system: TestSystem
beforeAll(async () => {
  system = await startRestartableSystem(GRACE_MS)
})
afterAll(() => system.stop())

test('every process replaced under load, behind a balancer that asks for readiness: no call fails, nothing is lost or sent twice', async () => {
  const told = await restartUnderLoad(system, 1, (apis) => apis.map(({ url }) => url))
  expect(told).toContain('4 processes replaced')
}, 180_000)
