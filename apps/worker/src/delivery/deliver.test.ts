import type { ChannelAdapter } from '@message-center/core/channels/adapter.ts'
import { ChannelError } from '@message-center/core/channels/channel-error.ts'
import { createChannelRegistry } from '@message-center/core/channels/registry.ts'
import type { CandidateConfig } from '@message-center/core/configs/candidates.ts'
import { sealSettings } from '@message-center/core/configs/channel-config-secrets.ts'
import type { ClaimedTask } from '@message-center/core/messages/claim-tasks.ts'
import type { ChannelJob } from '@message-center/core/queues/jobs.ts'
import type { RedisConnection } from '@message-center/core/queues/redis.ts'
import { createRateLimiter } from '@message-center/core/rate-limit/rate-limiter.ts'
import { createCipher } from '@message-center/core/secrets/cipher.ts'
import { type Env, readEnv } from '@message-center/core/settings/env.ts'
import { createLogger } from '@message-center/core/telemetry/logger.ts'
import { createMetrics } from '@message-center/core/telemetry/metrics.ts'
import { connectedRedis } from '@message-center/devkit/testing/connected-redis.ts'
import { storeDispatched } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import { until } from '@message-center/devkit/testing/until.ts'
import type { Pool, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { claimWaiting } from './claim.ts'
import { deliver } from './deliver.ts'
import { sendTogether } from './merge-send.ts'
import { createPauseLooks } from './pause-looks.ts'
import { createTaskWriter, type TaskWriter } from './task-writer.ts'
import type { DeliveryDependencies } from './verdict.ts'

let database: TestDatabase
let env: Env
let redis: RedisConnection
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  env = readEnv(database.variables)
  redis = await connectedRedis(env)
})
afterAll(async () => {
  redis.disconnect()
  await database.remove()
})

/** A worker that has stood still since MySQL answered its claim, for longer than the claim holds. */
function afterStandingStill(writer: TaskWriter): TaskWriter {
  const outdated = (task: ClaimedTask | undefined) => task && { ...task, leaseEndsAt: performance.now() }
  return { ...writer, claim: async (request) => outdated(await writer.claim(request)) }
}

/** MySQL breaks the connection off, once, just when it has taken a claim and is to be asked what has come of it. */
function breakingOff(pool: Pool): Pool {
  let isBroken = false
  const query = async (sql: string, values: unknown[]) => {
    if (isBroken || !sql.includes('lease_left')) return pool.query(sql, values)
    isBroken = true
    const connection = await pool.getConnection()
    return connection.query('KILL CONNECTION_ID()').finally(() => connection.destroy())
  }
  return new Proxy(pool, { get: (target, name) => (name === 'query' ? query : Reflect.get(target, name, target)) })
}

/** A task with all that its delivery needs; `sends` tells of every send. */
async function setUp(sendOnce: ChannelAdapter['send'] = async () => ({ response: 'ok' })) {
  const [task] = await storeDispatched(database.pool, 1)
  if (!task) throw new Error('nothing was stored')
  const fail = (error: unknown) => {
    throw error
  }
  const cipher = createCipher(env.encryptionKeys)
  const config: CandidateConfig = {
    ...{ id: '1', tenantId: task.tenantId, storeId: null, channelType: 'LOCAL', channelName: 'inbox' },
    configJson: sealSettings(cipher, { id: '1', tenantId: task.tenantId }, {}),
    ...{ priority: 1, rateLimit: { count: 1_000, windowMs: 1_000 }, timeWindow: null },
    ...{ overflowPolicy: 'REJECT', monthlyQuota: null, unknownOutcomePolicy: 'RESEND' },
    retry: { max: null, initialDelayMs: null },
  }
  const sends: string[] = []
  const registry = createChannelRegistry([
    {
      ...{
        type: 'LOCAL',
        displayName: 'test',
        configSchema: { type: 'object' },
        secretFields: [],
        messageTypes: ['TEXT'],
      },
      ...{ rateLimit: { count: 1_000, window: 1, unit: 'SECOND' }, maxBytes: 1_000 },
      async send(input, tools) {
        sends.push(input.idempotencyKey)
        return sendOnce(input, tools)
      },
    },
  ])
  const writer = createTaskWriter({ pool: database.pool, channelOrder: () => 0, onFinished() {}, onError: fail })
  const limiter = createRateLimiter({ redis, keyPrefix: `${env.queuePrefix}:rate`, onSettleError: fail })
  const deps: DeliveryDependencies = {
    ...{ pool: database.pool, registry, cipher, limiter, writer, metrics: createMetrics() },
    ...{ fetch, sendTimeoutMs: 1_000, underWay: new Set(), logger: createLogger('deliver-test', 'silent') },
    changes: { caughtUp: async () => undefined },
    configs: { candidates: async () => new Map(), config: async () => config },
    settings: async () => ({ sendingPaused: false, timeZone: 'UTC', retryInitialDelayMs: 1_000 }) as never,
    limitOf: async () => ({ configId: config.id, ...config.rateLimit }),
    circuits: { note() {} },
    counts: { accepted() {}, finished() {}, taskFinished() {}, delivered() {}, stop() {} },
    wake: async () => undefined,
    checkResultLater: async () => undefined,
    holder: null,
    nextPauseLookMs: createPauseLooks(),
    now: () => Date.now(),
  }
  const { tenantId, messageId, createTime, taskId } = task
  const job: ChannelJob = { tenantId, messageId, createTime, taskId, channelType: 'LOCAL', configId: '1' }
  const row = async () => {
    const [[found]] = await database.pool.query<RowDataPacket[]>('SELECT * FROM msg_channel_task WHERE id = ?', [
      taskId,
    ])
    return found
  }
  return { job, deps, sends, writer, row, config }
}

test('who has stood still since the claim does not send, for somebody else may by now; the task waits for the next to come', async () => {
  const { job, deps, sends, writer, row } = await setUp()
  const verdict = await deliver(job, { ...deps, writer: afterStandingStill(writer) })
  expect(verdict).toMatchObject({ queue: 'postpone' })
  expect(sends).toEqual([])
  expect(await row()).toMatchObject({ status: 'PENDING', claim_token: null, retry_count: 0 })
  expect(await deliver(job, deps)).toEqual({ queue: 'complete', note: 'sent' })
  // The id alone begins again in a database made anew, which sends to the same robots.
  expect(sends).toEqual([`mc-${job.taskId}-${job.createTime.replaceAll(/\D/g, '')}`])
})

test('likewise with a task that somebody left in the middle of a send; that its message may have arrived is not forgotten', async () => {
  const { job, deps, sends, writer, row } = await setUp()
  const { taskId, createTime } = job
  await writer.claim({ taskId, createTime, token: 'of the dead', dueBy: null, leaseMs: 0, takeOverFrom: null })
  // As in quarantine, which alone takes over.
  await deliver(job, { ...deps, holder: 'q1.', writer: afterStandingStill(writer) })
  expect(sends).toEqual([])
  expect(await row()).toMatchObject({ status: 'SENDING', claim_token: expect.not.stringContaining('dead') })
})

test('a merged message finds nothing of the progress that another one saved', async () => {
  const found: unknown[] = []
  for (const text of ['first', 'second']) {
    const [leader, other] = await Promise.all([0, 1].map(() => setUp(save)))
    if (!leader || !other) throw new Error('nothing was stored')
    const { job, deps, config } = leader
    const adapter = deps.registry.get('LOCAL')?.adapter
    const start = await deps.limiter.start(text, { configId: '1', ...config.rateLimit })
    const [claim, theirs] = await Promise.all([claimWaiting(job, deps), claimWaiting(other.job, deps)])
    if (!adapter || !start.go || !claim || !theirs) throw new Error('nothing to send')
    const companion = { job: other.job, claim: theirs, generation: 0, isBefore: false }
    await sendTogether({ job, config, settings: {}, adapter, claim, start, initialDelayMs: 1_000 }, [companion], deps)
    expect((await Promise.all([leader.row(), other.row()])).map((row) => row?.status)).toEqual(['SUCCESS', 'SUCCESS'])

    async function save(...[{ progress }, { saveProgress }]: Parameters<ChannelAdapter['send']>) {
      found.push(progress)
      await saveProgress?.(`all of the ${text}`)
      return { response: 'ok' }
    }
  }
  expect(found).toEqual([undefined, undefined])
})

test('the tasks of a paused tenant look again one after another, however many there are', async () => {
  const { job, deps, sends } = await setUp()
  const paused = {
    ...deps,
    settings: async () => ({ ...(await deps.settings(job.tenantId)), sendingPaused: true }),
    now: () => 0,
  }
  const verdicts = await Promise.all(Array.from({ length: 2_000 }, () => deliver(job, paused)))
  const looks = verdicts.map((verdict) => (verdict.queue === 'postpone' ? verdict.until : Number.NaN))
  expect(Math.min(...looks)).toBeGreaterThanOrEqual(15_000)
  // All but those for whom time went by while they asked.
  expect(Math.max(...looks) - Math.min(...looks)).toBeGreaterThan(1_000)
  expect(sends).toEqual([])
})

test('an old job of a task that goes through the pipeline again makes nobody a suspect', async () => {
  const { job, deps, row } = await setUp()
  await database.pool.query('UPDATE msg_channel_task SET rendered_content = NULL WHERE id = ?', [job.taskId])
  expect(await deliver(job, deps)).toMatchObject({ queue: 'postpone' })
  expect(await row()).toMatchObject({ status: 'PENDING', interruptions: 0 })
})

test('a claim of which MySQL did not answer leaves no doubt and takes no slot: the task goes out next time', async () => {
  const { job, deps, sends, row, config } = await setUp()
  const breaking = {
    ...deps,
    configs: { ...deps.configs, config: async () => ({ ...config, unknownOutcomePolicy: 'FAIL' as const }) },
    limitOf: async () => ({ configId: 'a single one', count: 1, windowMs: 3_600_000 }),
    writer: createTaskWriter({
      ...{ pool: breakingOff(database.pool), channelOrder: () => 0 },
      ...{ onFinished() {}, onError() {} },
    }),
  }
  await expect(deliver(job, breaking)).rejects.toThrow()
  expect(await row()).toMatchObject({ status: 'PENDING', claim_token: null, interruptions: 0 })
  expect(await deliver(job, breaking)).toEqual({ queue: 'complete', note: 'sent' })
  expect(sends).toHaveLength(1)
})

test('what came of a failed send is recorded also where the settings cannot be read by then, for MySQL is away', async () => {
  const { job, deps, sends, row } = await setUp(async () => {
    throw new ChannelError('TRANSIENT', { code: 'HTTP_500', message: 'not sent' })
  })
  const settings: typeof deps.settings = async (tenantId) => {
    if (sends.length > 0) throw new Error('the database has not told of changes')
    return deps.settings(tenantId)
  }
  expect(await deliver(job, { ...deps, settings })).toMatchObject({ queue: 'retry' })
  expect(await row()).toMatchObject({ status: 'RETRY', retry_count: 1, claim_token: null })
})

test('a part that went out before its send was given up is not sent again, however late MySQL takes the progress', async () => {
  const gaveUp = Promise.withResolvers<void>()
  const { job, deps, writer, row } = await setUp(async ({ progress }, { saveProgress }) => {
    if (progress !== undefined) return { response: progress }
    await saveProgress?.('the first part')
    throw new Error('nothing goes out after the time of the send')
  })
  const slow: TaskWriter = {
    ...writer,
    async saveProgress(progress) {
      await gaveUp.promise
      await writer.saveProgress(progress)
    },
  }
  const delivering = deliver(job, { ...deps, writer: slow, sendTimeoutMs: 100 })
  await until('the send to begin', () => deps.underWay.size > 0)
  await until('the send to be given up', () => deps.underWay.size === 0)
  gaveUp.resolve()
  expect(await delivering).toMatchObject({ queue: 'retry' })
  expect(await row()).toMatchObject({ status: 'RETRY', progress: '"the first part"' })
})
