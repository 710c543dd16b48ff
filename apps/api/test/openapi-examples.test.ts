import { createApiClient } from '@message-center/devkit/demo/api-client.ts'
import { sendDemoMessage } from '@message-center/devkit/demo/demo-message.ts'
import { seedDemo } from '@message-center/devkit/demo/seed.ts'
import type { ApiCaller } from '@message-center/devkit/testing/api-caller.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { runExamples } from './run-examples.ts'

let system: TestSystem
let call: ApiCaller

beforeAll(async () => {
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const url = system.apis[0]?.url ?? ''
  // What `npm start` does, with the token that it prints.
  const claims = { sub: 'demo', roles: ['admin', 'operator', 'sender', 'viewer'] as const }
  call = system.caller({ ...claims, roles: [...claims.roles] })
  const demo = createApiClient(url, system.token({ ...claims, roles: [...claims.roles] }))
  await seedDemo(demo)
  await sendDemoMessage(demo)
})
afterAll(() => system.stop())

test('every operation runs as its examples say, for the demo tenant as `npm start` leaves it', async () => {
  expect(await runExamples(system, call)).toEqual([])
})
