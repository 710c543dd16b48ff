import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import { type RedisServer, startRedis } from '@message-center/devkit/services/redis.ts'
import { createConfig, createTemplate, finalMessage } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let folder: string
let redis: RedisServer
let system: TestSystem
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'message-center-redis-'))
  redis = await startRedis({ dir: folder })
  system = await startTestSystem({ databaseUrl: inject('databaseUrl'), redisUrl: redis.url })
  await createConfig(system.caller(), 'DINGTALK')
  await createTemplate(system.caller(), 'ORDER', 'DINGTALK')
})
afterAll(async () => {
  await system.stop()
  await redis.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Sends messages at once, and once more one after the other: neither may wait for Redis. */
async function sendWhileAway(prefix: string): Promise<string[]> {
  const send = async (index: number) => {
    const messageId = `${prefix}-${index}`
    const body = { messageId, businessType: 'ORDER', businessData: { orderNo: messageId } }
    expect([messageId, (await system.caller()('POST', '/api/messages', body)).status]).toEqual([messageId, 202])
    return messageId
  }
  const ids = await Promise.all(Array.from({ length: 30 }, (_, index) => send(index)))
  for (let index = 30; index < 50; index++) ids.push(await send(index))
  return ids
}

async function expectAllDelivered(ids: string[]): Promise<void> {
  const messages = await Promise.all(ids.map((id) => finalMessage(system.caller(), id)))
  expect(messages.map(({ status }) => status)).toEqual(ids.map(() => 'SUCCESS'))
}

const readiness = async () => (await system.caller()('GET', '/health/ready')).status

test('Redis killed: every POST is answered 202, changes are taken, and all is delivered once it is back', async () => {
  await redis.stop('SIGKILL')
  const ids = await sendWhileAway('killed')
  expect((await system.caller()<MessageDetail>('GET', '/api/messages/killed-0')).body.status).toBe('PENDING')
  expect(await readiness()).toBe(503)
  expect((await system.caller()('GET', '/health/live')).status).toBe(200)
  await createConfig(system.caller({ tenantId: '2' }), 'LOCAL')
  await redis.restart()
  await expectAllDelivered(ids)
  await until('the API to be ready again', async () => (await readiness()) === 200)
})

test('Redis hangs (SIGSTOP): no POST waits for it, and all is delivered once it goes on', async () => {
  process.kill(redis.pid, 'SIGSTOP')
  try {
    const ids = await sendWhileAway('hung')
    expect(await readiness()).toBe(503)
    process.kill(redis.pid, 'SIGCONT')
    await expectAllDelivered(ids)
  } finally {
    process.kill(redis.pid, 'SIGCONT')
  }
})

test('an API that starts while Redis is away answers, and stops when told', async () => {
  const elsewhere = { REDIS_URL: 'redis://127.0.0.1:1/0' }
  const api = await system.startApi(elsewhere, '/health/live')
  const token = system.token()
  const send = (path: string, body: unknown) =>
    fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  expect(
    (await send('/api/messages', { messageId: 'no-redis', businessType: 'ORDER', businessData: { orderNo: 1 } }))
      .status,
  ).toBe(202)
  const config = { channelType: 'LOCAL', channelName: 'x', configJson: {}, enabled: false }
  expect((await send('/api/channel-configs', config)).status).toBe(201)
  expect(await api.stop()).toEqual({ code: 0, signal: null })
})
