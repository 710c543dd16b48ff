import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BatchSendResult } from '@message-center/core/contracts/messages.ts'
import { type MysqlServer, startMysql } from '@message-center/devkit/services/mysql.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { Static } from 'typebox'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type RunningApi, startApiHere } from './running-api.ts'

let folder: string
let mysql: MysqlServer
let api: RunningApi
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'message-center-mysql-'))
  mysql = await startMysql({ dir: folder })
  api = await startApiHere({ databaseUrl: mysql.url, redisUrl: inject('redisUrl') })
})
afterAll(async () => {
  await api.stop()
  await mysql.stop()
  rmSync(folder, { recursive: true, force: true })
})

const body = (messageId: string) => ({ messageId, businessType: 'ORDER', businessData: {} })
const send = (messageId: string) => api.caller()('POST', '/api/messages', body(messageId))

/** Every kind of call, all at once, more of them than the pool has connections: each is told when to come again. */
async function expectUnavailable(): Promise<void> {
  const call = api.caller()
  const calls = [
    ...Array.from({ length: 20 }, (_, index) => send(`away-${index}`)),
    call('POST', '/api/messages/batch', [body('away-batch-1'), { nonsense: true }, body('away-batch-2')]),
    ...Array.from({ length: 20 }, () => call('GET', '/api/messages')),
    call('GET', '/api/messages/before'),
    call('GET', '/api/channel-configs'),
    call('POST', '/api/channel-configs', { channelType: 'LOCAL', channelName: 'x', configJson: {} }),
    call('GET', '/api/templates'),
    call('PUT', '/api/system-configs/timeZone', { value: 'UTC' }),
    call('GET', '/health/ready'),
  ]
  for (const { status, headers, body: answer } of await Promise.all(calls)) {
    expect([status, answer]).toMatchObject([
      503,
      { success: false, errorCode: 'UNAVAILABLE', requestId: expect.any(String) },
    ])
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
  }
  expect((await call('GET', '/health/live')).status).toBe(200)
}

async function expectRecovered(): Promise<void> {
  await until('the API to be ready again', async () => (await api.caller()('GET', '/health/ready')).status === 200)
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => send(`away-${index}`)))
  // Whether a commit that was cut off had come through cannot be known; repeating it is safe either way.
  for (const { status } of answers) expect([200, 202]).toContain(status)
  const batch = await api.caller()<Static<typeof BatchSendResult>>('POST', '/api/messages/batch', [
    body('away-batch-1'),
    body('away-batch-2'),
  ])
  expect([batch.status, batch.body.successCount]).toEqual([202, 2])
  expect((await api.caller()('GET', '/api/messages/before')).status).toBe(200)
}

test('MySQL killed: 503 with Retry-After for every call; it recovers by itself', async () => {
  expect((await send('before')).status).toBe(202)
  await mysql.stop('SIGKILL')
  await expectUnavailable()
  await mysql.restart()
  await expectRecovered()
})

test('MySQL hangs (SIGSTOP): the same', async () => {
  process.kill(mysql.pid, 'SIGSTOP')
  try {
    await expectUnavailable()
  } finally {
    process.kill(mysql.pid, 'SIGCONT')
  }
  await expectRecovered()
})
