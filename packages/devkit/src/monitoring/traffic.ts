import { randomUUID } from 'node:crypto'
import { sendMany } from '../testing/deliveries.ts'
import { createConfig, createTemplate, setUpAllChannels } from '../testing/demo-tenant.ts'
import type { TestSystem } from '../testing/test-system.ts'

const BUSINESS_TYPE = 'MONITORED'
const ROUND_MS = 1_000

/** A tenant whose messages go to a robot at DingTalk, by a config with these fields. */
async function robotTenant(system: TestSystem, tenantId: string, fields: Record<string, unknown>): Promise<void> {
  const call = system.caller({ tenantId })
  const configJson = { mode: 'robot', accessToken: `robot-of-${tenantId}` }
  await createConfig(call, 'DINGTALK', { configJson, ...fields })
  await createTemplate(call, BUSINESS_TYPE, 'DINGTALK')
}

/**
 * Traffic of all kinds, round after round: what succeeds on every channel, passing errors with retries, refusals and waits by
 * rate limits, a monthly quota, a provider that keeps failing, calls that are wrong.
 */
export async function startTraffic(system: TestSystem) {
  await setUpAllChannels(system.caller({ tenantId: '1' }), BUSINESS_TYPE)
  const limit = (count: number, seconds: number) => ({
    rateLimitCount: count,
    rateLimitWindow: seconds,
    rateLimitUnit: 'SECOND',
  })
  await robotTenant(system, '2', { ...limit(1, 5), overflowPolicy: 'REJECT' })
  await robotTenant(system, '3', { ...limit(1, 2), overflowPolicy: 'DEFER' })
  await robotTenant(system, '4', { monthlyQuota: 100_000, retry: { max: 3, initialDelayMs: 500 } })
  await robotTenant(system, '5', { retry: { max: 1, initialDelayMs: 500 } })
  await robotTenant(system, '6', { ...limit(1, 3), overflowPolicy: 'MERGE' })
  await system.sandbox.client.addFault({
    match: { token: 'robot-of-5' },
    fault: { kind: 'http', status: 503 },
  })
  await system.sandbox.client.addFault({
    match: { token: 'robot-of-4' },
    fault: { kind: 'errcode', errcode: -1 },
    probability: 0.3,
  })
  let going = true
  let rounds = 0
  const errors: unknown[] = []

  async function round(): Promise<void> {
    for (const [tenantId, count] of Object.entries({ 1: 5, 2: 2, 3: 1, 4: 3, 5: 1, 6: 2 }))
      await sendMany(system.caller({ tenantId }), BUSINESS_TYPE, randomUUID(), count)
    await system.caller()('POST', '/api/messages', { businessType: '' })
    rounds += 1
  }
  const run = (async () => {
    while (going) {
      await round().catch((error) => errors.push(error))
      await new Promise((resolve) => setTimeout(resolve, ROUND_MS))
    }
  })()
  return {
    rounds: () => rounds,
    errors,
    async stop() {
      going = false
      await run
    },
  }
}
