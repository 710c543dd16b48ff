import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGuarded } from '@message-center/devkit/services/guarded-process.ts'
import { type MysqlServer, startMysql } from '@message-center/devkit/services/mysql.ts'
import { workspaceRoot } from '@message-center/devkit/services/workspace.ts'
import { allFinal, received, sendMany, shownTexts, tasksOf, textOf } from '@message-center/devkit/testing/deliveries.ts'
import { setUpAllChannels } from '@message-center/devkit/testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '@message-center/devkit/testing/test-system.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'mysql-lost-'))
let server: MysqlServer
let system: TestSystem
beforeAll(async () => {
  server = await startMysql({ dir: folder })
  system = await startTestSystem({
    databaseUrl: server.url,
    redisUrl: inject('redisUrl'),
    workers: 2,
    variables: { CHANNEL_CONCURRENCY: '8', RETRY_INITIAL_DELAY_MS: '1000' },
  })
  await system.sandbox.client.settings({ latencyMs: 40 })
})
afterAll(async () => {
  await system.stop()
  await server.stop()
  rmSync(folder, { recursive: true })
})

test.each([
  ['701', 'killed with -9', 'SIGKILL'],
  ['702', 'restarted', 'SIGTERM'],
] as const)(
  'MySQL (tenant %s) %s in the middle of 300 messages: all final, none lost, none doubled',
  async (tenantId, _how, signal) => {
    const call = system.caller({ tenantId })
    await setUpAllChannels(call, `T${tenantId}`)
    const ids = await sendMany(call, `T${tenantId}`, `m${tenantId}`, 300)
    const ofTenant = async (robot: string) =>
      (await received(system.sandbox, robot)).filter((message) => textOf(message).startsWith(`T${tenantId} `))
    await until('some to have arrived', async () => (await ofTenant('test-wecom')).length >= 40)
    await server.stop(signal)
    await server.restart()
    expect(await allFinal(system.pool, tenantId)).toEqual({ SUCCESS: 300 })
    for (const robot of ['test-dingtalk', 'test-wecom']) {
      const shown = await shownTexts(system.sandbox, robot)
      expect(ids.filter((id) => shown.get(`T${tenantId} ${id}`) !== 1)).toEqual([])
      // An outcome that could not be written is kept until it can: not even a copy that the provider dropped.
      expect(await ofTenant(robot)).toHaveLength(300)
    }
    expect((await tasksOf(system.pool, tenantId)).every(({ status }) => status === 'SUCCESS')).toBe(true)
  },
)

describe('a worker that is started while MySQL is away', () => {
  test('waits for it, and then works', async () => {
    await server.stop()
    const starting = system.startWorker({ WORKER_QUEUES: 'pipeline' })
    await server.restart()
    expect(await (await starting).stop()).toEqual({ code: 0, signal: null })
  })

  test('exits 0 when it is told to stop meanwhile', async () => {
    await server.stop()
    const log = join(folder, 'waiting-worker.log')
    const waiting = await startGuarded({
      name: 'worker',
      log,
      command: process.execPath,
      args: [join(workspaceRoot, 'apps/worker/src/main.ts')],
      env: { ...process.env, ...system.variables, WORKER_METRICS_PORT: '0' },
    })
    await until('it to wait', () => readFileSync(log, 'utf8').includes('waiting for the database'))
    expect(await waiting.stop('SIGTERM')).toEqual({ code: 0, signal: null })
    await server.restart()
  })
})
