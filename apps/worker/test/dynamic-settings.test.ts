import { readFileSync } from 'node:fs'
import type { MessageDetail } from '@message-center/core/contracts/messages.ts'
import {
  createConfig,
  createTemplate,
  finalMessage,
  setUpAllChannels,
} from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'

let system: TestSystem
beforeAll(async () => {
  const variables = { LOG_LEVEL: 'info' }
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    apis: 2,
    workers: 2,
    variables,
  })
})
afterAll(() => system.stop())

/** Lines of all processes that say this. */
function linesWith(text: string): string[] {
  const logs = [...system.apis, ...system.workers].map(({ log }) => readFileSync(log ?? '', 'utf8'))
  return logs.flatMap((log) => log.split('\n').filter((line) => line.includes(text)))
}

test('logLevel holds for every running process, both ways', async () => {
  const call = system.caller({ tenantId: '3' })
  const platform = system.caller({ roles: ['platform'] })
  await createConfig(call, 'DINGTALK')
  await createTemplate(call, 'LOUD', 'DINGTALK')
  await system.sandbox.client.addFault({ fault: { kind: 'errcode', errcode: 310000, errmsg: 'no' } })
  const fail = async (messageId: string) => {
    await call('POST', '/api/messages', { messageId, businessType: 'LOUD', businessData: { orderNo: 1 } })
    expect(await finalMessage(call, messageId)).toMatchObject({ status: 'FAILED' })
  }
  await fail('loud-1')
  await until('the failure to be logged', () => linesWith('loud-1').length > 0)

  await platform('PUT', '/api/system-configs/logLevel', { value: 'error' })
  await until('all four to tell', () => linesWith('"to":"error"').length === 4)
  await fail('loud-2')

  await platform('PUT', '/api/system-configs/logLevel', { value: 'warn' })
  await until('all four to tell', () => linesWith('"to":"warn"').length === 4)
  await fail('loud-3')
  await until('the failure to be logged', () => linesWith('loud-3').length > 0)
  expect(linesWith('loud-2')).toEqual([])
  await system.sandbox.client.clearFaults()
})

test('sendingPaused: a message waits, visibly, until sending goes on', async () => {
  const call = system.caller({ tenantId: '4' })
  await setUpAllChannels(call, 'PAUSED')
  await call('PUT', '/api/system-configs/sendingPaused', { value: true })
  const message = { messageId: 'paused-1', businessType: 'PAUSED', businessData: { orderNo: 1, userId: 'u' } }
  expect((await call('POST', '/api/messages', message)).status).toBe(202)
  const waiting = await until('all tasks to wait', async () => {
    const { body } = await call<MessageDetail>('GET', '/api/messages/paused-1')
    return body.tasks.length === 3 && body.tasks.every(({ nextRetryTime }) => nextRetryTime !== null) ? body : undefined
  })
  expect(waiting.tasks.map(({ status }) => status)).toEqual(['PENDING', 'PENDING', 'PENDING'])
  expect(await system.sandbox.client.messages({ contains: 'PAUSED' })).toEqual([])
  await call('PUT', '/api/system-configs/sendingPaused', { value: false })
  expect(await finalMessage(call, 'paused-1')).toMatchObject({ status: 'SUCCESS', successChannels: 3 })
})
