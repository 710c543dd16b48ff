import { allFinal, received, sendMany, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

const FLOOD = 2_000
const BATCH = 1_000
/** One wave of a pipeline whose eight jobs carry a hundred messages each: a flood that stood in one line would be all before. */
const MOST_BEFORE = 800

let system: TestSystem
beforeAll(async () => {
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
  })
})
afterAll(() => system.stop())

async function tenant(tenantId: string) {
  const call = system.caller({ tenantId })
  const token = `fair-robot-${tenantId}`
  await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken: token } })
  await createTemplate(call, 'ORDER', 'DINGTALK')
  return { tenantId, call, token }
}

test("a tenant's single message goes out in the midst of another's flood, on the pipeline and on the channel's queue", async () => {
  const [flooding, other] = [await tenant('771'), await tenant('772')]
  for (let batch = 0; batch < FLOOD / BATCH; batch++) await sendMany(flooding.call, 'ORDER', `flood-${batch}`, BATCH)
  const atProvider = async () => (await received(system.sandbox, flooding.token)).length
  await until('the flood to be on its way', async () => (await atProvider()) > 0)
  const before = await atProvider()
  const [id = ''] = await sendMany(other.call, 'ORDER', 'single', 1)
  expect(await finalMessage(other.call, id, 60_000)).toMatchObject({ status: 'SUCCESS' })
  expect(await allFinal(system.pool, flooding.tenantId, 120_000)).toEqual({ SUCCESS: FLOOD })

  const [single] = await received(system.sandbox, other.token)
  const flood = await received(system.sandbox, flooding.token)
  expect(flood).toHaveLength(FLOOD)
  expect(single && textOf(single)).toContain('single-0')
  const overtaken = flood.filter(({ at }) => at < (single?.at ?? 0)).length - before
  process.stdout.write(`${before} of the flood were out before the single message, ${overtaken} went before it\n`)
  expect(overtaken).toBeLessThan(MOST_BEFORE)
})
