import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { cancelMessage } from './cancel-message.ts'
import { claimTasks } from './claim-tasks.ts'
import { dispatchMessages, type PlannedTask } from './dispatch.ts'
import { loadMessages } from './load-messages.ts'
import type { MessageRef } from './message-ref.ts'
import { finishMessages } from './message-status.ts'
import { findMessage, findTrace } from './queries.ts'
import { recordOutcomes } from './record-outcomes.ts'
import { previewRetry, retryMessages } from './retry-messages.ts'
import { countRetried, type RetrySelection } from './retry-plan.ts'

let database: TestDatabase
let configId: string
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  configId = await newConfig()
})
afterAll(() => database.remove())

async function newConfig(): Promise<string> {
  const [{ insertId }] = await database.pool.query<ResultSetHeader>(
    `INSERT INTO msg_channel_config (tenant_id, channel_type, channel_name, config_json) VALUES (1, 'LOCAL', 'x', '{}')`,
  )
  return String(insertId)
}

const CHANNEL_ORDER = () => 0
const NOT_FOUND = { code: 'TEMPLATE_NOT_FOUND' as const, text: 'none' }

async function onePending(fields = {}): Promise<MessageRef> {
  const [ref] = await storePending(database.pool, 1, fields)
  if (!ref) throw new Error('nothing was stored')
  return ref
}

/** A message whose one task was dispatched, and failed while it was being sent. */
async function failedInSending(task: Partial<PlannedTask> = {}, code = 'CHANNEL_ERROR') {
  const ref = await onePending()
  await dispatchMessages(database.pool, [planned(ref, [{ configId, ...task }])])
  await failInSending(ref, code)
  return ref
}

async function failInSending(ref: MessageRef, code = 'CHANNEL_ERROR'): Promise<void> {
  const task = { taskId: String((await taskRow(ref)).id), createTime: ref.createTime, token: 'sender' }
  await claimTasks(database.pool, [{ ...task, dueBy: new Date(), leaseMs: 60_000, takeOverFrom: null }])
  const attempt = { attempt: 1, at: new Date().toISOString(), durationMs: 1, outcome: 'transient' }
  const outcome = { ...task, status: 'FAILED' as const, retryCount: 3, nextRetryTime: null, errorCode: code }
  const texts = { resultMessage: `${code}: x`, thirdPartyResponse: null, providerMessageId: null, attempts: [attempt] }
  await recordOutcomes(database.pool, [{ ...outcome, ...texts }])
  await finishMessages(database.pool, [ref], CHANNEL_ORDER)
}

async function taskRow(ref: MessageRef): Promise<RowDataPacket> {
  const [[row]] = await database.pool.query<RowDataPacket[]>(
    'SELECT * FROM msg_channel_task WHERE tenant_id = ? AND message_id = ? ORDER BY id LIMIT 1',
    [ref.tenantId, ref.messageId],
  )
  if (!row) throw new Error('there is no task')
  return row
}

async function retry(ref: MessageRef, selection: Partial<RetrySelection> = {}): Promise<number> {
  const plans = await retryMessages(database.pool, [ref], { cancelledToo: true, ...selection }, async () => undefined)
  return plans.reduce((total, plan) => total + countRetried(plan), 0)
}

const detail = ({ tenantId, messageId }: MessageRef) => findMessage(database.pool, tenantId, messageId)
const load = async (ref: MessageRef) => (await loadMessages(database.pool, [ref]))[0]

test('what failed while being sent waits as it is: content and attempts kept, retries counted from the start', async () => {
  const ref = await failedInSending()
  const before = await taskRow(ref)
  expect(await retry(ref)).toBe(1)
  expect(await taskRow(ref)).toMatchObject({
    id: before.id,
    status: 'PENDING',
    rendered_content: 'hello',
    attempts: before.attempts,
    generation: before.generation + 1,
    retry_count: 0,
    error_code: null,
    finish_time: null,
  })
  expect(await detail(ref)).toMatchObject({
    status: 'PROCESSING',
    errorCode: null,
    finishTime: null,
    failedChannels: 0,
  })
  expect(await load(ref)).toMatchObject({ rerunChannels: null, revision: 1 })
  expect(await retry(ref)).toBe(0)
})

test.each([
  ['its config is gone', { configId: '999' }, 'CHANNEL_ERROR'],
  ['the content is to blame', {}, 'CONTENT_TOO_LONG'],
  ['nobody was named', {}, 'NO_RECIPIENT'],
])('what failed while being sent goes through the pipeline where %s', async (_title, task, code) => {
  const ref = await failedInSending(task, code)
  expect(await retry(ref)).toBe(1)
  expect(await load(ref)).toMatchObject({ rerunChannels: ['LOCAL'] })
  expect(await taskRow(ref)).toMatchObject({ status: 'PENDING', rendered_content: null })
})

test('of several operators at once one has it tried again', async () => {
  const ref = await failedInSending()
  const counts = await Promise.all(Array.from({ length: 6 }, () => retry(ref)))
  expect(counts.toSorted()).toEqual([0, 0, 0, 0, 0, 1])
  expect((await taskRow(ref)).generation).toBe(1)
})

test('what failed on the way takes its second plan in the same row, beside what has arrived', async () => {
  const ref = await onePending()
  const tasks = [{ channelType: 'DINGTALK', failure: NOT_FOUND, renderedContent: null }, { configId }]
  await dispatchMessages(database.pool, [planned(ref, tasks)])
  const failed = await taskRow(ref)
  expect(await retry(ref)).toBe(1)
  const message = await load(ref)
  expect(message).toMatchObject({ rerunChannels: ['DINGTALK'], status: 'PROCESSING' })
  const second = planned(ref, [{ channelType: 'DINGTALK', configId: '77', renderedContent: 'repaired' }])
  const [result] = await dispatchMessages(database.pool, [{ ...second, revision: 1, rerunChannels: ['DINGTALK'] }])
  expect(result).toMatchObject({
    dispatched: true,
    tasks: [{ taskId: String(failed.id), configId: '77', generation: 1 }],
  })
  expect(await detail(ref)).toMatchObject({
    status: 'PROCESSING',
    totalChannels: 2,
    tasks: [{ id: String(failed.id), channelConfigId: '77', renderedContent: 'repaired', status: 'PENDING' }, {}],
  })
  expect(await load(ref)).toMatchObject({ rerunChannels: null })
})

test('a second plan that fails as well ends the message, with a new finish time and all the steps so far', async () => {
  const ref = await onePending()
  const failed = planned(ref, [{ failure: NOT_FOUND, renderedContent: null }])
  await dispatchMessages(database.pool, [failed])
  await database.pool.query('UPDATE msg_message SET finish_time = finish_time - INTERVAL 1 DAY WHERE message_id = ?', [
    ref.messageId,
  ])
  const before = await detail(ref)
  await retry(ref)
  await dispatchMessages(database.pool, [{ ...failed, revision: 1, rerunChannels: ['LOCAL'] }])
  const after = await detail(ref)
  expect(after).toMatchObject({ status: 'FAILED', errorCode: 'TEMPLATE_NOT_FOUND', failedChannels: 1 })
  expect(Date.parse(after?.finishTime ?? '')).toBeGreaterThan(Date.parse(before?.finishTime ?? ''))
  const trace = await findTrace(database.pool, ref.tenantId, ref.messageId)
  const dispatch = ['channel-dispatch', 'status-tracking']
  expect(trace?.steps.map(({ step }) => step)).toEqual(['accepted', ...dispatch, 'retry', ...dispatch])
})

test('a run that began before the retry writes nothing', async () => {
  const ref = await onePending()
  const failed = planned(ref, [{ failure: NOT_FOUND, renderedContent: null }])
  await dispatchMessages(database.pool, [failed])
  await retry(ref)
  const [message] = await loadMessages(database.pool, [ref])
  if (!message) throw new Error('no message')
  await cancelMessage(message, new Map(), { pool: database.pool, channelTypes: [], audit: async () => undefined })
  await retry(ref)
  const stale = { ...planned(ref, [{ renderedContent: 'stale' }]), revision: 1, rerunChannels: ['LOCAL'] }
  expect(await dispatchMessages(database.pool, [stale])).toMatchObject([{ dispatched: false, superseded: true }])
  expect(await taskRow(ref)).toMatchObject({ status: 'PENDING', rendered_content: null })
})

test('a status that was worked out before the retry is not written after it', async () => {
  const ref = await onePending()
  await dispatchMessages(database.pool, [planned(ref, [{ configId }])])
  await failInSending(ref)
  // Its task has failed, and that is all that has been written so far.
  await database.pool.query(
    "UPDATE msg_message SET status = 'PROCESSING', finish_time = NULL, due_time = NOW(3) WHERE message_id = ?",
    [ref.messageId],
  )
  let statements = 0
  const query = async (sql: string, values: unknown[]) => {
    statements += 1
    if (statements === 2) await retry(ref)
    return database.pool.query(sql, values)
  }
  await finishMessages({ query } as unknown as Pool, [ref], CHANNEL_ORDER)
  expect(statements).toBe(2)
  expect(await detail(ref)).toMatchObject({ status: 'PROCESSING', finishTime: null, tasks: [{ status: 'PENDING' }] })
})

test('a task that waits for the pipeline is not to be claimed by a job of old', async () => {
  const ref = await onePending()
  await dispatchMessages(database.pool, [planned(ref, [{ failure: NOT_FOUND, renderedContent: null }])])
  await retry(ref)
  const task = { taskId: String((await taskRow(ref)).id), createTime: ref.createTime, token: 'job of old' }
  const request = { ...task, dueBy: null, leaseMs: 60_000, takeOverFrom: null }
  expect(await claimTasks(database.pool, [request])).toMatchObject([{ status: 'PENDING', claimToken: null }])
})

test('progress is kept for the same people on the same config, and for no others', async () => {
  const keep = { userIds: ['u1'], mobiles: [], all: false }
  const cases: [Partial<PlannedTask>, string | null][] = [
    [{ configId, recipients: keep }, '{"done":100}'],
    [{ configId: '88', recipients: keep }, null],
    [{ configId, recipients: { ...keep, userIds: ['u2'] } }, null],
    [{ configId, failure: NOT_FOUND, renderedContent: null }, '{"done":100}'],
  ]
  for (const [plan, expected] of cases) {
    const ref = await failedInSending({}, 'EXPIRED')
    await database.pool.query(`UPDATE msg_channel_task SET progress = '{"done":100}' WHERE message_id = ?`, [
      ref.messageId,
    ])
    await retry(ref)
    await dispatchMessages(database.pool, [{ ...planned(ref, [plan]), revision: 1, rerunChannels: ['LOCAL'] }])
    expect([plan, (await taskRow(ref)).progress]).toEqual([plan, expected])
  }
})

test('a message that failed without a task goes through the pipeline as a whole', async () => {
  const ref = await onePending()
  const failure = { code: 'CHANNEL_NOT_CONFIGURED' as const, text: 'none' }
  await dispatchMessages(database.pool, [{ ...planned(ref, []), failure }])
  expect(await retry(ref)).toBe(1)
  expect(await detail(ref)).toMatchObject({ status: 'PENDING', errorCode: null, finishTime: null, tasks: [] })
  const [result] = await dispatchMessages(database.pool, [{ ...planned(ref), revision: 1 }])
  expect(result).toMatchObject({ dispatched: true, tasks: [{ channelType: 'LOCAL' }] })
})

test('what was cancelled long before its sendAt waits for it again', async () => {
  const sendAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + 3_600_000)
  const ref = await onePending({ sendAt, jobId: null, targetChannels: ['LOCAL'] })
  const message = await load(ref)
  if (!message) throw new Error('no message')
  await cancelMessage(message, new Map(), { pool: database.pool, channelTypes: [], audit: async () => undefined })
  expect(await retry(ref)).toBe(1)
  expect((await detail(ref))?.tasks).toMatchObject([{ status: 'PENDING', nextRetryTime: sendAt.toISOString() }])
  const [[row]] = await database.pool.query<RowDataPacket[]>(
    'SELECT due_time, job_id FROM msg_message WHERE message_id = ?',
    [ref.messageId],
  )
  expect(row).toEqual({ due_time: sendAt, job_id: null })
})

test('a selection by channel or code leaves the rest alone; what was cancelled is taken up only where it is asked for', async () => {
  const ref = await onePending()
  const rendered = { renderedContent: null }
  const tasks: Partial<PlannedTask>[] = [
    { channelType: 'DINGTALK', failure: NOT_FOUND, ...rendered },
    { channelType: 'WECHAT_WORK', failure: { code: 'CANCELLED', text: '' }, ...rendered },
    { channelType: 'LOCAL', failure: { code: 'EXPIRED', text: '' }, ...rendered },
  ]
  await dispatchMessages(database.pool, [planned(ref, tasks)])
  const selected = async (selection: Partial<RetrySelection>) => {
    const plans = await previewRetry(database.pool, [ref], { cancelledToo: false, ...selection })
    return plans.flatMap(({ resend, rerun }) => [...resend, ...rerun].map(({ channelType }) => channelType))
  }
  expect(await selected({})).toEqual(['DINGTALK', 'LOCAL'])
  expect(await selected({ cancelledToo: true })).toEqual(['DINGTALK', 'WECHAT_WORK', 'LOCAL'])
  expect(await selected({ channelType: 'LOCAL' })).toEqual(['LOCAL'])
  expect(await selected({ errorCode: 'CANCELLED' })).toEqual(['WECHAT_WORK'])
  expect(await selected({ errorCode: 'CHANNEL_ERROR' })).toEqual([])
  expect(await detail(ref)).toMatchObject({ status: 'FAILED' })
})

test('the trace of a message that is retried without end stays storable: the oldest steps go', async () => {
  const ref = await onePending()
  const long = { step: 'x', at: new Date().toISOString(), durationMs: 1, outcome: 'ok', detail: '失败'.repeat(150) }
  const failed = planned(ref, [{ failure: NOT_FOUND, renderedContent: null }])
  const plan = { ...failed, steps: Array.from({ length: 30 }, () => long) }
  await dispatchMessages(database.pool, [plan])
  for (const revision of [1, 2, 3]) {
    await retry(ref)
    const [result] = await dispatchMessages(database.pool, [{ ...plan, revision, rerunChannels: ['LOCAL'] }])
    expect(result).toMatchObject({ dispatched: true })
  }
  const trace = await findTrace(database.pool, ref.tenantId, ref.messageId)
  expect(trace?.steps.at(-1)?.step).toBe('status-tracking')
})
