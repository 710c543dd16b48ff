import { randomBytes } from 'node:crypto'
import type { ResultSetHeader } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { ChannelAdapter } from '../channels/adapter.ts'
import { createChannelRegistry } from '../channels/registry.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import { sealSettings } from '../configs/channel-config-secrets.ts'
import { createCipher } from '../secrets/cipher.ts'
import { dispatchMessages } from './dispatch.ts'
import type { MessageRef } from './message-ref.ts'
import { findMessage } from './queries.ts'
import { recallMessage } from './recall-message.ts'

const SECRET = 'secret-of-the-pigeon'
const cipher = createCipher([{ kid: 'test', key: randomBytes(32) }])
const noLog = () => {}
const logger = { debug: noLog, info: noLog, warn: noLog, error: noLog }

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

/** A message that the channel PIGEON has delivered. */
async function delivered(): Promise<MessageRef> {
  const [ref] = await storePending(database.pool, 1)
  if (!ref) throw new Error('nothing was stored')
  await dispatchMessages(database.pool, [planned(ref, [{ channelType: 'PIGEON' }])])
  const [{ affectedRows }] = await database.pool.query<ResultSetHeader>(
    `UPDATE msg_channel_task SET status = 'SUCCESS', result_message = 'ok', provider_message_id = 'p-1', finish_time = NOW()
     WHERE message_id = ?`,
    [ref.messageId],
  )
  expect(affectedRows).toBe(1)
  return ref
}

async function recall(ref: MessageRef, how: ChannelAdapter['recall'], { keys = cipher, timeoutMs = 30_000 } = {}) {
  const adapter: ChannelAdapter = {
    type: 'PIGEON',
    displayName: 'Pigeon',
    configSchema: { type: 'object', required: ['key'], properties: { key: { type: 'string' } } },
    secretFields: ['key'],
    messageTypes: ['TEXT'],
    rateLimit: { count: 1, window: 1, unit: 'SECOND' },
    send: async () => ({ response: null }),
    ...(how ? { recall: how } : {}),
  }
  const row = { id: '1', tenantId: '1' }
  const config = { ...row, configJson: sealSettings(keys, row, { key: SECRET }) } as CandidateConfig
  const [result] = await recallMessage(
    ref,
    {
      pool: database.pool,
      registry: createChannelRegistry([adapter]),
      configs: { candidates: async () => new Map(), config: async () => config },
      cipher,
      fetch,
      timeoutMs,
      stopping: new AbortController().signal,
    },
    logger,
  )
  return result
}

const taskOf = async ({ messageId }: MessageRef) => (await findMessage(database.pool, '1', messageId))?.tasks[0]

test('the adapter is given what the provider called the message, and the settings of the config', async () => {
  const ref = await delivered()
  let given: unknown
  const result = await recall(ref, async (sent) => {
    given = sent
    return { recalled: true }
  })
  expect(result).toMatchObject({ channelType: 'PIGEON', recalled: true, now: true })
  expect(given).toMatchObject({ config: { key: SECRET }, providerMessageId: 'p-1', task: { messageId: ref.messageId } })
  expect(await taskOf(ref)).toMatchObject({ status: 'SUCCESS', resultMessage: 'recalled by an operator' })
})

const failing = (fields: object) => async () => {
  throw Object.assign(new Error(`no access with ${SECRET}`), fields)
}
test.each<[string, ChannelAdapter['recall'], RegExp]>([
  ['cannot recall at all', undefined, /^PIGEON cannot take messages back$/],
  ['throws its secret', failing({ code: 'E1', errorClass: 'PERMANENT' }), /^E1 no access with \*{6}$/],
  ['throws it without a code', failing({}), /^no access with \*{6}$/],
  ['tells it', async () => ({ recalled: false, reason: `refused ${SECRET}` }), /^refused \*{6}$/],
  ['returns nothing', (async () => undefined) as never, /^the channel gave no reason$/],
])('an adapter that %s is a reason, without secrets', async (_title, how, reason) => {
  const ref = await delivered()
  expect(await recall(ref, how)).toMatchObject({ recalled: false, reason: expect.stringMatching(reason) })
  expect(await taskOf(ref)).toMatchObject({ status: 'SUCCESS', resultMessage: 'ok', recallTime: null })
})

test('an adapter that never answers is a reason', async () => {
  const result = await recall(await delivered(), () => new Promise(() => {}), { timeoutMs: 50 })
  expect(result).toMatchObject({ recalled: false, reason: 'TIMEOUT no answer within 50 ms' })
})

test('a config that cannot be decrypted is a reason', async () => {
  const ref = await delivered()
  const others = createCipher([{ kid: 'lost', key: randomBytes(32) }])
  const result = await recall(ref, async () => ({ recalled: true }), { keys: others })
  expect(result).toMatchObject({ recalled: false, reason: expect.stringMatching(/cannot be decrypted/) })
})

test('of two calls at once the one that the provider refuses tells that it is recalled', async () => {
  const ref = await delivered()
  const first = Promise.withResolvers<void>()
  const slower = recall(ref, async () => {
    await first.promise
    return { recalled: false, reason: 'unknown id' }
  })
  await recall(ref, async () => ({ recalled: true }))
  first.resolve()
  expect(await slower).toMatchObject({
    recalled: true,
    now: false,
    reason: expect.stringMatching(/^it was recalled at/),
  })
})
