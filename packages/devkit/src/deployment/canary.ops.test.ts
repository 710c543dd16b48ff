import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connectDatabase } from '@message-center/core/database/pool.ts'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startApp } from '../services/app-process.ts'
import { type GuardedProcess, runGuarded } from '../services/guarded-process.ts'
import { freePort } from '../services/ports.ts'
import { workspaceRoot } from '../services/workspace.ts'
import { createApiCaller } from '../testing/api-caller.ts'
import { allFinal, shownTexts } from '../testing/deliveries.ts'
import { createConfig, createTemplate } from '../testing/demo-tenant.ts'
import { startTestSystem, type TestSystem } from '../testing/test-system.ts'
import { until } from '../testing/until.ts'
import { checkOut, commitWithFormerSchema } from './former-version.ts'
import { noCanary, type RunningNginx, startNginx } from './nginx.ts'

const TENANT = '950'
const ROBOTS = { DINGTALK: 'canary-ding', WECHAT_WORK: 'canary-wecom' }
/** Each with a token of its own: nginx splits by it. */
const CALLERS = 24
const PER_PHASE = 100
const PACE_MS = 200

const commit = commitWithFormerSchema()
const folder = mkdtempSync(join(tmpdir(), 'canary-'))
const formerRoot = join(folder, 'former')
let system: TestSystem
let nginx: RunningNginx
const running: GuardedProcess[] = []
beforeAll(async () => {
  if (commit === undefined) return
  await checkOut(commit, formerRoot)
  system = await startTestSystem({
    databaseUrl: inject('databaseUrl'),
    redisUrl: inject('redisUrl'),
    apis: 0,
    workers: 0,
  })
  await forgetSchema()
  await migrateBy(formerRoot)
})
afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()))
  await nginx?.stop()
  await system?.stop()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** The database as it is before anybody has migrated it. */
async function forgetSchema(): Promise<void> {
  const databaseUrl = system.variables.DATABASE_URL ?? ''
  const name = new URL(databaseUrl).pathname.slice(1)
  const admin = await connectDatabase({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
  await admin.query(`DROP DATABASE ${name}`)
  await admin.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
  await admin.end()
}

async function migrateBy(root: string): Promise<void> {
  const { code } = await runGuarded({
    name: 'migration',
    command: process.execPath,
    args: [join(root, 'packages/core/src/cli/migrate.ts')],
    env: { ...process.env, ...system.variables },
    log: join(folder, 'migration.log'),
    append: true,
  })
  expect(code, readFileSync(join(folder, 'migration.log'), 'utf8')).toBe(0)
}

async function start(kind: 'api' | 'worker', root: string, variables: Record<string, string> = {}) {
  const port = await freePort()
  const rpcPort = await freePort()
  const own: Record<string, string> =
    kind === 'api' ? { PORT: String(port), RPC_PORT: String(rpcPort) } : { WORKER_METRICS_PORT: String(port) }
  const app = await startApp({
    name: kind,
    script: `apps/${kind}/src/main.ts`,
    root,
    env: { ...system.variables, ...own, ...variables },
    readyUrl: `http://127.0.0.1:${port}/health/ready`,
    log: join(folder, `${kind}-${port}.log`),
  })
  running.push(app)
  return { ...app, address: `127.0.0.1:${port}`, rpcAddress: `127.0.0.1:${rpcPort}` }
}

/** Business systems that post all the time, and repeat what was not taken under the same id. */
function startLoad(url: string) {
  const accepted: string[] = []
  let stopped = false
  const callers = Array.from({ length: CALLERS }, async (_, caller) => {
    const call = createApiCaller(url, system.token({ tenantId: TENANT, sub: `system-${caller}` }))
    for (let n = 0; !stopped; n++) {
      const messageId = `c${caller}-${n}`
      const body = { messageId, businessType: 'ORDER', businessData: { orderNo: messageId } }
      await until(`${messageId} to be taken`, async () => {
        const answer = await call('POST', '/api/messages', body).catch(() => undefined)
        if (answer && answer.status >= 400 && answer.status !== 429 && answer.status < 500)
          throw new Error(`${answer.status}: ${JSON.stringify(answer.body)}`)
        return answer?.status === 202 || answer?.status === 200
      })
      accepted.push(messageId)
      // The sandbox remembers the last 20,000 messages.
      await delay(PACE_MS)
    }
  })
  return {
    accepted: accepted as readonly string[],
    /** Resolves when as many more have been accepted. */
    more: () => {
      const goal = accepted.length + PER_PHASE
      return until('more messages', () => accepted.length >= goal)
    },
    async stop() {
      stopped = true
      await Promise.all(callers)
    },
  }
}

/** How many requests each version got since the log was this long. */
function sides(since: number): Record<string, number> {
  const lines = readFileSync(nginx.log, 'utf8')
    .slice(since)
    .split('\n')
    .filter((line) => line.includes('"/api/messages"'))
  const counts = Map.groupBy(lines, (line) => (JSON.parse(line) as { side: string }).side)
  return Object.fromEntries([...counts].map(([side, list]) => [side, list.length]))
}

const logLength = () => readFileSync(nginx.log, 'utf8').length

describe.skipIf(commit === undefined)('two versions side by side (needs the history of the repository)', () => {
  test('new schema under the old version, canary, the whole upgrade and the way back: none lost, none twice', async () => {
    const oldApi = await start('api', formerRoot)
    const oldWorker = await start('worker', formerRoot)
    const certificate = await generate([{ name: 'commonName', value: 'localhost' }], { algorithm: 'sha256' })
    nginx = await startNginx(join(folder), noCanary([oldApi.address], [oldApi.rpcAddress]), certificate)
    const call = createApiCaller(nginx.url, system.token({ tenantId: TENANT }))
    await createConfig(call, 'DINGTALK', { configJson: { mode: 'robot', accessToken: ROBOTS.DINGTALK } })
    await createConfig(call, 'WECHAT_WORK', { configJson: { mode: 'robot', key: ROBOTS.WECHAT_WORK } })
    for (const channel of Object.keys(ROBOTS)) await createTemplate(call, 'ORDER', channel)
    const load = startLoad(nginx.url)
    await load.more()

    // 1. The schema grows while the old version works.
    await migrateBy(workspaceRoot)
    await load.more()

    // 2. The new version beside it: part of the callers, and part of the queues.
    const newApi = await start('api', workspaceRoot)
    const newWorker = await start('worker', workspaceRoot, { WORKER_QUEUES: 'pipeline,WECHAT_WORK' })
    nginx.ask({
      ...noCanary([oldApi.address], [oldApi.rpcAddress]),
      api_canary: [newApi.address],
      rpc_canary: [newApi.rpcAddress],
    })
    expect(nginx.canary('30')).toMatch(/^30 % of/m)
    expect(nginx.canary()).toBe('30')
    const atCanary = logLength()
    await load.more()
    await load.more()
    expect(sides(atCanary)).toEqual({ stable: expect.any(Number), canary: expect.any(Number) })

    // 3. All of it: the old version ends what it has in hand.
    nginx.canary('100')
    const otherWorker = await start('worker', workspaceRoot)
    await load.more()
    expect(await oldApi.stop('SIGTERM')).toEqual({ code: 0, signal: null })
    expect(await oldWorker.stop('SIGTERM')).toEqual({ code: 0, signal: null })
    await load.more()

    // 4. And back, with the schema as it is now.
    const againApi = await start('api', formerRoot)
    await start('worker', formerRoot)
    nginx.ask({
      ...noCanary([againApi.address], [againApi.rpcAddress]),
      api_canary: [newApi.address],
      rpc_canary: [newApi.rpcAddress],
    })
    nginx.canary('0')
    await load.more()
    for (const each of [newApi, newWorker, otherWorker])
      expect(await each.stop('SIGTERM')).toEqual({ code: 0, signal: null })
    const atEnd = logLength()
    await load.more()
    await load.stop()
    expect(Object.keys(sides(atEnd))).toEqual(['stable'])

    expect(await allFinal(system.pool, TENANT, 120_000)).toEqual({ SUCCESS: load.accepted.length })
    for (const robot of Object.values(ROBOTS)) {
      const shown = await shownTexts(system.sandbox, robot)
      expect([...shown.keys()].sort()).toEqual(load.accepted.map((id) => `ORDER ${id}`).sort())
      expect([...shown.values()].filter((times) => times > 1)).toEqual([])
    }
  })

  test('a share that is none is refused; what nginx does not take is taken back', () => {
    for (const wrong of ['101', '-1', '5%', 'all', '1e1']) {
      expect(() => nginx.canary(wrong), wrong).toThrow(/whole number of per cent/)
    }
    expect(nginx.canary()).toBe('0')
    nginx.ask(noCanary(['nobody.invalid:1'], ['nobody.invalid:1']), { reload: false })
    expect(() => nginx.canary('50')).toThrow(/all is as before/)
    expect(nginx.canary()).toBe('0')
  })
})
