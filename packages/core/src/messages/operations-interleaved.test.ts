import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { CandidateConfig } from '../configs/candidates.ts'
import { cancelMessage } from './cancel-message.ts'
import { type ClaimRequest, claimTasks, type TaskRef } from './claim-tasks.ts'
import { dispatchMessages } from './dispatch.ts'
import { awaitsPipeline, loadMessages, type PipelineMessage } from './load-messages.ts'
import type { MessageRef } from './message-ref.ts'
import { deriveStatus, finishMessages } from './message-status.ts'
import { recordOutcomes } from './record-outcomes.ts'
import { retryMessages } from './retry-messages.ts'

/** Channel order, and the position of their tasks. */
const CHANNELS = ['DINGTALK', 'WECHAT_WORK', 'LOCAL']
const channelOrder = (type: string) => CHANNELS.indexOf(type)
const LEASE_MS = 600_000

let database: TestDatabase
/** Of DINGTALK and LOCAL; WECHAT_WORK has none. */
const configIds = new Map([['WECHAT_WORK', '0']])
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  for (const channelType of ['DINGTALK', 'LOCAL']) {
    const [{ insertId }] = await database.pool.query<ResultSetHeader>(
      `INSERT INTO msg_channel_config (tenant_id, channel_type, channel_name, config_json) VALUES (1, ?, 'x', '{}')`,
      [channelType],
    )
    configIds.set(channelType, String(insertId))
  }
})
afterAll(() => database.remove())

type Command =
  | { do: 'load' }
  /** `outcomes`: what becomes of each channel; `nothing`: no channel is configured. */
  | { do: 'dispatch'; run: number; outcomes: boolean[]; nothing: boolean }
  | { do: 'claim'; task: number }
  | { do: 'record'; holder: number; status: 'SUCCESS' | 'FAILED' | 'RETRY'; code: 'CHANNEL_ERROR' | 'EXPIRED' }
  | { do: 'retry'; task: number | null }
  | { do: 'cancel' }

const index = fc.nat({ max: 2 })
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ do: 'load' as const }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('dispatch' as const),
      run: index,
      outcomes: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
      nothing: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), task: index }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('record' as const),
      holder: index,
      status: fc.constantFrom('SUCCESS' as const, 'FAILED' as const, 'RETRY' as const),
      code: fc.constantFrom('CHANNEL_ERROR' as const, 'EXPIRED' as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('retry' as const), task: fc.option(index) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'cancel' as const }) },
)

/** One message, and everybody who works on it. */
class Play {
  readonly ref: MessageRef
  /** What pipelines have loaded and not yet dispatched. */
  readonly runs: PipelineMessage[] = []
  /** Who is sending which task. */
  readonly holders: (TaskRef & { token: string })[] = []
  readonly succeeded = new Set<string>()

  constructor(ref: MessageRef) {
    this.ref = ref
  }

  async run(command: Command): Promise<void> {
    switch (command.do) {
      case 'load':
        return this.load()
      case 'dispatch':
        return this.dispatch(command.run, command.outcomes, command.nothing)
      case 'claim':
        return this.claim(command.task)
      case 'record':
        return this.record(command.holder, command.status, command.code)
      case 'retry':
        return this.retry(command.task)
      case 'cancel':
        return this.cancel()
    }
  }

  async load(): Promise<void> {
    const [message] = await loadMessages(database.pool, [this.ref])
    if (message && awaitsPipeline(message)) this.runs.push(message)
  }

  async dispatch(run: number, outcomes: readonly boolean[], nothing: boolean): Promise<void> {
    const message = this.runs.splice(run, 1)[0]
    if (!message) return
    const { revision, rerunChannels } = message
    const none = nothing && rerunChannels === null
    const types = none ? [] : CHANNELS.filter((type) => rerunChannels?.includes(type) ?? true)
    const tasks = types.map((channelType) => ({
      channelType,
      configId: configIds.get(channelType) ?? '0',
      failure: outcomes[channelOrder(channelType)] ? null : { code: 'TEMPLATE_NOT_FOUND' as const, text: 'none' },
    }))
    const failure = none ? { code: 'CHANNEL_NOT_CONFIGURED' as const, text: 'none' } : null
    await dispatchMessages(database.pool, [{ ...planned(this.ref, tasks), revision, rerunChannels, failure }])
  }

  async claim(task: number): Promise<void> {
    const row = (await tasksOf(this.ref))[task]
    if (!row) return
    const taskRef = { taskId: String(row.id), createTime: this.ref.createTime }
    const token = randomUUID()
    const [claimed] = await claimTasks(database.pool, [{ ...taskRef, token, ...claimable() }])
    if (claimed?.claimToken !== token) return
    expect(claimed.renderedContent).not.toBeNull()
    expect(this.succeeded.has(taskRef.taskId)).toBe(false)
    this.holders.push({ ...taskRef, token })
  }

  async record(
    holder: number,
    status: 'SUCCESS' | 'FAILED' | 'RETRY',
    code: 'CHANNEL_ERROR' | 'EXPIRED',
  ): Promise<void> {
    const held = this.holders.splice(holder, 1)[0]
    if (!held) return
    const failed = status !== 'SUCCESS'
    const outcome = {
      ...held,
      status,
      retryCount: 1,
      nextRetryTime: null,
      errorCode: failed ? code : null,
      resultMessage: failed ? `${code}: x` : 'ok',
      thirdPartyResponse: null,
      providerMessageId: null,
      attempts: null,
    }
    await recordOutcomes(database.pool, [outcome])
    if (status === 'SUCCESS') this.succeeded.add(held.taskId)
    await finishMessages(slowly(database.pool), [this.ref], channelOrder)
  }

  async retry(task: number | null): Promise<void> {
    const row = task === null ? undefined : (await tasksOf(this.ref))[task]
    const taskIds = row && [String(row.id)]
    await retryMessages(database.pool, [this.ref], { taskIds, cancelledToo: true }, async () => undefined)
  }

  async cancel(): Promise<void> {
    const [message] = await loadMessages(database.pool, [this.ref])
    if (!message) return
    const candidates = new Map(CHANNELS.map((type) => [type, [{ id: configIds.get(type) } as CandidateConfig]]))
    const audit = async () => undefined
    await cancelMessage(message, candidates, { pool: database.pool, channelTypes: CHANNELS, audit })
  }
}

/** Lets others in between two statements. */
function slowly(pool: Pool): Pool {
  const query = async (sql: string, values: unknown[]) => {
    await delay(Math.random() * 4)
    return pool.query(sql, values)
  }
  return { query } as unknown as Pool
}

function claimable(): Pick<ClaimRequest, 'dueBy' | 'leaseMs' | 'takeOverFrom'> {
  return { dueBy: new Date(), leaseMs: LEASE_MS, takeOverFrom: null }
}

async function tasksOf(ref: MessageRef): Promise<RowDataPacket[]> {
  const [rows] = await database.pool.query<RowDataPacket[]>(
    'SELECT * FROM msg_channel_task WHERE tenant_id = ? AND message_id = ? ORDER BY id',
    [ref.tenantId, ref.messageId],
  )
  return rows
}

async function messageOf(ref: MessageRef): Promise<RowDataPacket> {
  const [[row]] = await database.pool.query<RowDataPacket[]>(
    'SELECT * FROM msg_message WHERE tenant_id = ? AND message_id = ?',
    [ref.tenantId, ref.messageId],
  )
  if (!row) throw new Error('the message has vanished')
  return row
}

const FINAL = ['SUCCESS', 'PARTIAL_SUCCESS', 'FAILED']

async function checkState({ ref, holders, succeeded }: Play): Promise<void> {
  const message = await messageOf(ref)
  const tasks = await tasksOf(ref)
  expect(new Set(tasks.map((task) => task.channel_type)).size, 'one task a channel').toBe(tasks.length)

  const isFinal = FINAL.includes(message.status)
  expect(message.due_time === null, 'due_time is NULL exactly when it is final').toBe(isFinal)
  expect(message.finish_time !== null, 'finish_time is set exactly when it is final').toBe(isFinal)
  if (tasks.length === 0) {
    expect(['PENDING', 'FAILED']).toContain(message.status)
  } else {
    const derived = deriveStatus(
      tasks.map((task) => ({ status: task.status, errorCode: task.error_code, resultMessage: task.result_message })),
    )
    const stored = { status: message.status, errorCode: message.error_code, errorMessage: message.error_message }
    expect(stored, 'the status is that of the tasks').toEqual({
      status: derived.status,
      errorCode: derived.errorCode,
      errorMessage: derived.errorMessage,
    })
    if (isFinal) {
      expect([message.total_channels, message.success_channels, message.failed_channels]).toEqual([
        derived.totalChannels,
        derived.successChannels,
        derived.failedChannels,
      ])
    }
  }

  for (const task of tasks) {
    const held = holders.filter(({ taskId }) => taskId === String(task.id))
    expect(held.length, `${task.channel_type} is ${task.status}`).toBe(task.status === 'SENDING' ? 1 : 0)
    if (succeeded.has(String(task.id))) expect(task.status, 'what has arrived stays so').toBe('SUCCESS')
    expect(task.finish_time !== null).toBe(['SUCCESS', 'FAILED'].includes(task.status))
  }
  const waiting = tasks.filter((task) => task.status === 'PENDING' && task.rendered_content === null)
  expect(message.rerun_channels?.split(',').sort() ?? []).toEqual(waiting.map((task) => task.channel_type).sort())
}

/** Lets everybody end what he is at, then sends what is left: everything must come to an end. */
async function playOut(play: Play): Promise<void> {
  while (play.holders.length > 0) await play.record(0, 'SUCCESS', 'CHANNEL_ERROR')
  await play.load()
  for (const _ of [...play.runs]) await play.dispatch(0, [true, true, true], false)
  for (const task of [0, 1, 2]) await play.claim(task)
  while (play.holders.length > 0) await play.record(0, 'SUCCESS', 'CHANNEL_ERROR')
  await checkState(play)
  expect(FINAL).toContain((await messageOf(play.ref)).status)
}

async function newPlay(): Promise<Play> {
  const [ref] = await storePending(database.pool, 1)
  if (!ref) throw new Error('nothing was stored')
  return new Play(ref)
}

test('dispatch, claim, record, retry and cancel in any order, and several at once, leave message and tasks in agreement', async () => {
  const rounds = fc.array(fc.array(anyCommand, { minLength: 1, maxLength: 4 }), { minLength: 4, maxLength: 14 })
  await fc.assert(
    fc.asyncProperty(rounds, async (commands) => {
      const play = await newPlay()
      for (const round of commands) {
        await Promise.all(round.map((command) => play.run(command)))
        await checkState(play)
      }
      await playOut(play)
    }),
    { numRuns: 120, endOnFailure: true },
  )
}, 120_000)
