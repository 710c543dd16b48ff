import { randomUUID } from 'node:crypto'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import type { CallbackRef } from '../messages/becoming-final.ts'
import { dispatchMessages } from '../messages/dispatch.ts'
import type { MessageRef } from '../messages/message-ref.ts'
import { finishMessages } from '../messages/message-status.ts'
import { findOverdue, lookAgainAt } from '../messages/overdue.ts'
import { claimCallbacks } from './claim-callbacks.ts'
import { findCallbacks } from './find-callbacks.ts'
import { recordCallbacks } from './record-callbacks.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

const WANTED = { wantsCallback: true, attributesText: '{"callbackUrl":"https://example.com/told?a=\\"b\\""}' }

/** Messages with one task each that has ended; not final themselves as yet. */
async function ended(count: number, fields: Partial<typeof WANTED> = WANTED): Promise<MessageRef[]> {
  const refs = await storePending(database.pool, count, fields)
  await dispatchMessages(
    database.pool,
    refs.map((ref) => planned(ref)),
  )
  await database.pool.query("UPDATE msg_channel_task SET status = 'SUCCESS' WHERE message_id IN (?)", [
    refs.map(({ messageId }) => messageId),
  ])
  return refs
}

const finish = (refs: MessageRef[]) => finishMessages(database.pool, refs, () => 0)

async function finished(): Promise<CallbackRef> {
  const [message] = await finish(await ended(1))
  if (!message?.callback) throw new Error('no callback is due')
  return message.callback
}

async function rowOf({ messageId }: MessageRef): Promise<RowDataPacket> {
  const [[row]] = await database.pool.query<RowDataPacket[]>('SELECT * FROM msg_message WHERE message_id = ?', [
    messageId,
  ])
  if (!row) throw new Error('no such message')
  return row
}

const LATER = new Date(Math.floor(Date.now() / 1000) * 1000 + 600_000)
const LEASE_MS = 600_000
const claim = (callback: CallbackRef, token: string = randomUUID(), leaseMs = LEASE_MS) => ({
  ...callback,
  token,
  dueBy: new Date(),
  leaseMs,
})
const claimOne = async (callback: CallbackRef, token?: string, leaseMs?: number) =>
  (await claimCallbacks(database.pool, [claim(callback, token, leaseMs)]))[0]
const leaseOver = ({ messageId }: CallbackRef) =>
  database.pool.query('UPDATE msg_message SET callback_next_time = UTC_TIMESTAMP(3) WHERE message_id = ?', [messageId])
const record = (
  callback: CallbackRef,
  token: string,
  state: 'DUE' | 'DELIVERED' | 'FAILED',
  nextTime: Date | null = null,
) => recordCallbacks(database.pool, [{ ...callback, token, state, nextTime, result: 'HTTP 204' }])

describe('becoming final', () => {
  test('makes the callback due in the same statement, once, however many writers see the end', async () => {
    const refs = await ended(20)
    const writers = Array.from({ length: 5 }, () => refs.toReversed().map((ref) => finish([ref])))
    const all = (await Promise.all(writers.flat())).flat()
    const due = new Set(all.map(({ callback }) => `${callback?.rowId} ${callback?.generation}`))
    expect(due.size).toBe(20)
    expect(await finish(refs)).toEqual([])
    for (const ref of refs) {
      const row = await rowOf(ref)
      expect(row).toMatchObject({
        status: 'SUCCESS',
        callback_state: 'DUE',
        callback_generation: 1,
        callback_attempts: 0,
      })
      expect(row.due_time).not.toBeNull()
    }
  })

  test('without a callback leaves nothing to do', async () => {
    const [ref] = await ended(1, {})
    const messages = await finish(ref ? [ref] : [])
    expect(messages).toMatchObject([{ status: 'SUCCESS', callback: null }])
    expect(await rowOf(messages[0] as MessageRef)).toMatchObject({
      due_time: null,
      callback_state: null,
      callback_generation: 0,
    })
  })

  test('on the way, by a failure in the pipeline, makes it due too; being dispatched does not', async () => {
    const [failing, going] = (await storePending(database.pool, 2, WANTED)) as [MessageRef, MessageRef]
    const failure = { code: 'TEMPLATE_NOT_FOUND', text: 'none' } as const
    const results = await dispatchMessages(database.pool, [
      { ...planned(failing, [{ failure }]), failure },
      planned(going),
    ])
    expect(results).toMatchObject([
      { status: { status: 'FAILED' }, callback: { ...failing, generation: 1 } },
      { status: { status: 'PROCESSING' }, callback: null },
    ])
    expect(await rowOf(failing)).toMatchObject({ callback_state: 'DUE', callback_generation: 1 })
    expect((await rowOf(failing)).due_time).not.toBeNull()
    expect(await rowOf(going)).toMatchObject({ callback_state: 'AWAITED', callback_generation: 0 })
  })

  test('again, after a retry of the message, is another event, also where the first one was told or given up', async () => {
    const callback = await finished()
    const token = randomUUID()
    await claimOne(callback, token)
    await record(callback, token, 'FAILED')
    // What a retry does to a message, as far as it concerns callbacks.
    await database.pool.query("UPDATE msg_message SET status = 'PROCESSING', due_time = NOW(3) WHERE id = ?", [
      callback.rowId,
    ])
    const [again] = await finish([callback])
    expect(again?.callback).toEqual({ ...callback, generation: 2 })
    expect(await rowOf(callback)).toMatchObject({
      callback_state: 'DUE',
      callback_generation: 2,
      callback_attempts: 0,
      callback_result: null,
      callback_next_time: null,
    })
  })
})

describe('making a callback', () => {
  test('of many that claim at once one gets it, with the event; the others get it when the lease is over', async () => {
    const callback = await finished()
    const claims = await Promise.all(Array.from({ length: 10 }, () => claimOne(callback)))
    const mine = claims.filter((claimed) => claimed !== undefined)
    expect(mine).toMatchObject([{ attempts: 1, event: { data: { messageId: callback.messageId, tasks: [{}] } } }])
    const [found] = await findCallbacks(database.pool, [callback])
    expect(found).toMatchObject({ url: 'https://example.com/told?a="b"', nextTime: null })
    expect(found?.heldMs).toBeGreaterThan(LEASE_MS / 2)
    expect(found?.heldMs).toBeLessThanOrEqual(LEASE_MS)
    // Nobody's clock but the database's tells when a lease is over.
    const [early] = await claimCallbacks(database.pool, [{ ...claim(callback), dueBy: LATER }])
    expect(early).toBeUndefined()
    await leaseOver(callback)
    expect(await claimOne(callback)).toMatchObject({ attempts: 2 })
  })

  test('told or given up it is over: nothing is due any more, and nobody gets it', async () => {
    for (const state of ['DELIVERED', 'FAILED'] as const) {
      const callback = await finished()
      const token = randomUUID()
      await claimOne(callback, token)
      await record(callback, token, state)
      expect(await rowOf(callback)).toMatchObject({
        callback_state: state,
        due_time: null,
        callback_next_time: null,
        callback_result: 'HTTP 204',
      })
      expect(await findCallbacks(database.pool, [callback])).toEqual([undefined])
      expect(await claimOne(callback)).toBeUndefined()
    }
  })

  test('an outcome counts only for the holder of the claim', async () => {
    const callback = await finished()
    const [late, token] = [randomUUID(), randomUUID()]
    await claimOne(callback, late)
    await leaseOver(callback)
    await claimOne(callback, token)
    await record(callback, late, 'DELIVERED')
    expect(await rowOf(callback)).toMatchObject({ callback_state: 'DUE', callback_token: token })
  })

  test('while the message is under way again, its old event is over, and its outcome does not touch the message', async () => {
    const callback = await finished()
    const token = randomUUID()
    await claimOne(callback, token)
    await database.pool.query(
      "UPDATE msg_message SET status = 'PROCESSING', due_time = '2026-01-01 00:00:00.000' WHERE id = ?",
      [callback.rowId],
    )
    await record(callback, token, 'DELIVERED')
    expect(await findCallbacks(database.pool, [callback])).toEqual([undefined])
    expect(await claimOne(callback)).toBeUndefined()
    expect((await rowOf(callback)).due_time).toEqual(new Date('2026-01-01T00:00:00Z'))
    const dueTime = new Date('2026-01-01T00:00:00Z')
    await lookAgainAt(database.pool, [{ ...callback, dueTime }], new Date('2026-01-02T00:00:00Z'))
    expect((await rowOf(callback)).due_time).toEqual(new Date('2026-01-02T00:00:00Z'))
  })

  test('one that waits for its next try is not looked at before', async () => {
    const callback = await finished()
    const token = randomUUID()
    await claimOne(callback, token)
    await record(callback, token, 'DUE', LATER)
    await lookAgainAt(database.pool, [{ ...callback, dueTime: LATER }], new Date())
    expect((await rowOf(callback)).due_time).toEqual(LATER)
    const overdue = async (before: Date | null) => {
      const found = await findOverdue(database.pool, { before, graceMs: 0, limit: 1000, after: null })
      return found.filter(({ rowId }) => rowId === callback.rowId)
    }
    expect(await overdue(new Date())).toEqual([])
    const found = { status: 'SUCCESS', callback: { generation: 1, nextTime: LATER } }
    expect(await overdue(LATER)).toMatchObject([found])
    expect(await overdue(null)).toMatchObject([found])
  })
})
