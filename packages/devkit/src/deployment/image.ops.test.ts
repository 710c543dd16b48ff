import { chmodSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { type GuardedProcess, runGuarded, startGuarded } from '../services/guarded-process.ts'
import { logTail } from '../services/log-tail.ts'
import { freePort } from '../services/ports.ts'
import { untilReady } from '../services/private-server.ts'
import { createApiCaller } from '../testing/api-caller.ts'
import { createConfig, createTemplate, finalMessage } from '../testing/demo-tenant.ts'
import { createTestEnvironment, type TestEnvironment } from '../testing/test-environment.ts'
import { type BuiltStage, buildStage } from './image.ts'

const STAGES = ['migrate', 'worker', 'api'] as const
/** Debian's user that owns nothing. */
const NOBODY = '65534'

const folder = mkdtempSync(join(tmpdir(), 'image-'))
const images = new Map<string, BuiltStage>()
let environment: TestEnvironment
const running: GuardedProcess[] = []
beforeAll(async () => {
  chmodSync(folder, 0o755)
  for (const stage of STAGES) images.set(stage, await buildStage(stage, join(folder, stage)))
  environment = await createTestEnvironment({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(async () => {
  await Promise.all(running.map((each) => each.stop()))
  await environment?.remove()
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

/** The image's command as a user who owns nothing and may write nothing. Only root can become somebody else. */
function order(stage: (typeof STAGES)[number], variables: Record<string, string>) {
  const image = images.get(stage)
  if (!image) throw new Error(`${stage} is not built`)
  const [, ...args] = image.command
  const isRoot = process.getuid?.() === 0
  const become = isRoot ? ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--no-new-privs'] : []
  const [command = '', ...rest] = [...become, process.execPath, ...args]
  const { PATH } = process.env
  return {
    name: stage,
    command,
    args: rest,
    cwd: image.app,
    env: { PATH, ...image.variables, ...environment.variables, ...variables },
    log: join(folder, `${stage}.log`),
  }
}

async function start(stage: 'api' | 'worker', url: string, variables: Record<string, string>): Promise<void> {
  const { log, ...rest } = order(stage, variables)
  const process = await startGuarded({ log, ...rest })
  running.push(process)
  const ready = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  if ((await untilReady(ready, process.exited, 60_000)) !== 'ready') throw new Error(`${stage}: ${logTail(log)}`)
}

test('holds the processes and their packages, and neither tests nor tools', () => {
  for (const [stage, { app, user }] of images) {
    expect([stage, user]).toEqual([stage, 'node'])
    expect(globSync('{apps,packages}/*', { cwd: app }).sort()).toEqual(['apps/api', 'apps/worker', 'packages/core'])
    expect(globSync('{apps,packages}/**/*.test.ts', { cwd: app })).toEqual([])
    expect(globSync('node_modules/.pnpm/{vitest,playwright-core}@*', { cwd: app })).toEqual([])
  }
})

test('migration, API and worker run from it as a user who can write nothing, and a message gets through', async () => {
  expect(await runGuarded(order('migrate', {}))).toEqual({ code: 0, signal: null })
  const [apiPort, workerPort] = [await freePort(), await freePort()]
  const api = `http://127.0.0.1:${apiPort}`
  await start('api', api, { PORT: String(apiPort) })
  await start('worker', `http://127.0.0.1:${workerPort}`, { WORKER_METRICS_PORT: String(workerPort) })
  const call = createApiCaller(api, environment.token())
  await createConfig(call, 'LOCAL')
  await createTemplate(call, 'ORDER', 'LOCAL')
  await call('POST', '/api/messages', {
    messageId: 'from-an-image',
    businessType: 'ORDER',
    businessData: { orderNo: 1, userId: 'u' },
  })
  expect(await finalMessage(call, 'from-an-image')).toMatchObject({ status: 'SUCCESS' })
  for (const process of running) expect(await process.stop('SIGTERM')).toEqual({ code: 0, signal: null })
})
