import type { Connection, RowDataPacket } from 'mysql2/promise'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { planned, storePending } from '../../../devkit/src/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { connectDatabase } from '../database/pool.ts'
import { dispatchMessages } from '../messages/dispatch.ts'
import { toDatetime } from '../messages/message-ref.ts'
import { removeOldKeys } from '../messages/remove-old-keys.ts'
import { maintainPartitions, type PartitionReport, partitionFaults } from './maintain-partitions.ts'
import { listPartitions, monthStart, PARTITIONED_TABLES, partitionName } from './partitions.ts'

let database: TestDatabase
let connection: Connection
beforeEach(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  connection = await connect()
})
afterEach(async () => {
  await connection.end()
  await database.remove()
})

function connect(): Promise<Connection> {
  const databaseUrl = database.variables.DATABASE_URL ?? ''
  return connectDatabase({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined })
}

const monthsFrom = (offset: number, second = 0) => new Date(monthStart(new Date(), offset).getTime() + second * 1000)
const maintain = (now: Date, retentionMonths = 12) => maintainPartitions(connection, { now, retentionMonths })

/** Stores messages, each with one task, as accepted at that time; final, as if sent long ago. */
async function storeAt(time: Date, count = 1, { final = true } = {}) {
  const refs = await storePending(database.pool, count, { acceptedAt: time, createTime: toDatetime(time) })
  const plans = refs.map((ref) => planned(ref))
  await dispatchMessages(database.pool, plans)
  if (final) await database.pool.query('UPDATE msg_message SET due_time = NULL WHERE create_time = ?', [time])
  return refs
}

async function count(from: string): Promise<number> {
  const [[row]] = await database.pool.query<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${from}`)
  return Number(row?.n)
}

const inBoth = (partition: string) =>
  Promise.all(PARTITIONED_TABLES.map((table) => count(`${table} PARTITION (${partition})`)))

const quiet: PartitionReport = {
  added: [],
  dropped: [],
  busy: [],
  kept: [],
  lost: [],
  tables: {
    msg_message: { monthsAhead: 3, catchAllRows: 0 },
    msg_channel_task: { monthsAhead: 3, catchAllRows: 0 },
  },
}

describe('as the clock goes on', () => {
  test('for 15 months: what is posted around each midnight of a month’s end lies in its month, never beyond; a year stays, older goes with its tasks and keys', async () => {
    for (let offset = 1; offset <= 15; offset++) {
      const [before, after] = [monthsFrom(offset, -1), monthsFrom(offset)]
      expect(await maintain(before)).toEqual(quiet)
      await storeAt(before)
      // The roll-over itself needs nobody: the month is there already when it begins.
      await storeAt(after)
      const report = await maintain(after)
      const both = (shift: number) => PARTITIONED_TABLES.map((table) => `${table}.${partitionName(monthsFrom(shift))}`)
      expect(report).toEqual({ ...quiet, added: both(offset + 3), dropped: both(offset - 13) })
      expect(partitionFaults(report)).toEqual([])
      expect(await inBoth(partitionName(before))).toEqual(offset === 1 ? [1, 1] : [2, 2])
      expect(await inBoth(partitionName(after))).toEqual([1, 1])
      expect(await inBoth('pmax')).toEqual([0, 0])
      await removeOldKeys(database.pool, 1000)
      expect(await count('msg_message_key')).toBe(await count('msg_message'))
    }
    // From the month 12 before this one on: two each, but for the one that has just begun.
    expect(await count('msg_message')).toBe(12 * 2 + 1)
    expect(await count('msg_channel_task')).toBe(12 * 2 + 1)
    for (const table of PARTITIONED_TABLES) expect(await listPartitions(connection, table)).toHaveLength(16)
  })

  test('an id whose message has gone is new again, but not as long as the message is there', async () => {
    const [old] = await storeAt(monthsFrom(-12))
    const again = (createTime: Date) =>
      storePending(database.pool, 1, { messageId: old?.messageId ?? '', createTime: toDatetime(createTime) })
    await removeOldKeys(database.pool, 1000)
    await again(new Date())
    expect(await count('msg_message')).toBe(1)
    await maintain(monthsFrom(1))
    expect(await count('msg_message')).toBe(0)
    await again(new Date())
    expect(await count('msg_message')).toBe(0)
    await removeOldKeys(database.pool, 1000)
    await again(new Date())
    expect(await count('msg_message')).toBe(1)
  })

  test('keys go in batches, oldest first, and those of messages that are there stay', async () => {
    await storeAt(monthsFrom(-12), 5)
    await storeAt(monthsFrom(-11), 3)
    await maintain(monthsFrom(1))
    expect(await removeOldKeys(database.pool, 2)).toBe(2)
    expect(await removeOldKeys(database.pool, 2)).toBe(2)
    expect(await removeOldKeys(database.pool, 2)).toBe(1)
    expect(await removeOldKeys(database.pool, 2)).toBe(0)
    expect(await count('msg_message_key')).toBe(3)
  })

  test('fewer months to keep take effect at once, more do not bring anything back', async () => {
    await storeAt(monthsFrom(-6), 2)
    await storeAt(monthsFrom(-5), 3)
    const { dropped } = await maintain(new Date(), 5)
    expect(dropped).toHaveLength(2 * 7)
    expect(await count('msg_message')).toBe(3)
    expect(await maintain(new Date(), 24)).toEqual(quiet)
  })

  test('a run cut off between the messages and their tasks is completed by the next one', async () => {
    await storeAt(monthsFrom(-12), 2)
    await connection.query(`ALTER TABLE msg_message DROP PARTITION ${partitionName(monthsFrom(-12))}`)
    expect(await count('msg_channel_task')).toBe(2)
    const { dropped } = await maintain(new Date())
    expect(dropped).toEqual([`msg_channel_task.${partitionName(monthsFrom(-12))}`])
    expect(await count('msg_channel_task')).toBe(0)
  })
})

test('a month with messages that are not final stays two months longer, with those after it, and then goes and says so', async () => {
  const [ref] = await storeAt(monthsFrom(-12), 1, { final: false })
  await storeAt(monthsFrom(-11))
  const month = partitionName(monthsFrom(-12))
  const messages = [`1/${ref?.messageId}`]
  for (const offset of [1, 2]) {
    const report = await maintain(monthsFrom(offset))
    expect([report.dropped, report.kept, report.lost]).toEqual([[], [{ month, messages }], []])
    expect(partitionFaults(report)).toEqual([])
  }
  const report = await maintain(monthsFrom(3))
  expect(report.lost).toEqual([{ month, messages }])
  expect(report.dropped).toHaveLength(2 * 3)
  expect(partitionFaults(report)).toEqual([expect.stringContaining(`${month} was dropped`)])
  expect([await count('msg_message'), await count('msg_channel_task')]).toEqual([0, 0])
})

describe('rows beyond the last month', () => {
  test('a few move into their months, and it says so while there are any', async () => {
    await storeAt(monthsFrom(5), 2)
    const report = await maintain(monthsFrom(1))
    expect(partitionFaults(report)).toEqual([
      expect.stringContaining('msg_message has rows beyond'),
      expect.stringContaining('msg_channel_task has rows beyond'),
    ])
    expect(partitionFaults(await maintain(monthsFrom(2)))).toEqual([])
    expect(await inBoth(partitionName(monthsFrom(5)))).toEqual([2, 2])
  })

  test('a great many are not moved while the table is in use, and it says so', async () => {
    await storeAt(monthsFrom(5), 4)
    const options = { retentionMonths: 12, maxRowsMoved: 3 }
    const report = await maintainPartitions(connection, { now: monthsFrom(2), ...options })
    expect(report.added).toEqual([])
    expect(partitionFaults(report)).toEqual([
      expect.stringMatching(/^msg_message has 1 months ahead/),
      expect.stringMatching(/^msg_message has rows beyond .* \(4 or more\)/),
      expect.stringMatching(/^msg_channel_task has 1 months ahead/),
      expect.stringMatching(/^msg_channel_task has rows beyond/),
    ])
    expect(await inBoth('pmax')).toEqual([4, 4])
  })
})

describe('while the tables are in use', () => {
  /** Stores and reads on connections of their own until told to stop; answers how often, and what went wrong. */
  function traffic() {
    let running = true
    const done = { writes: 0, reads: 0 }
    const repeat = async (kind: keyof typeof done, work: () => Promise<unknown>) => {
      while (running) {
        await work()
        done[kind]++
      }
    }
    const all = Promise.all([
      repeat('writes', () => storeAt(new Date(), 3)),
      repeat('writes', () => storeAt(new Date(), 3)),
      repeat('reads', () => database.pool.query('SELECT id FROM msg_message ORDER BY due_time, id LIMIT 10')),
      repeat('reads', () => count('msg_channel_task')),
    ])
    return {
      async stop() {
        running = false
        await all
        return done
      },
    }
  }

  test('months are made and dropped while others write and read, without an error for anybody', async () => {
    for (let offset = -12; offset < 0; offset++) await storeAt(monthsFrom(offset), 20)
    const others = traffic()
    for (let offset = 1; offset <= 6; offset++) {
      const report = await maintain(monthsFrom(offset))
      expect(report).toMatchObject({ busy: [], added: { length: 2 }, dropped: { length: 2 } })
    }
    const { writes, reads } = await others.stop()
    expect(Math.min(writes, reads)).toBeGreaterThan(0)
    expect(await inBoth(partitionName(new Date()))).toEqual([writes * 3, writes * 3])
  })

  test('somebody who does not let go of a table is not waited for, and nobody waits behind: the next run does it', async () => {
    await storeAt(monthsFrom(-12))
    const holder = await connect()
    await holder.query('START TRANSACTION')
    await holder.query('SELECT COUNT(*) FROM msg_message')
    const others = traffic()
    const report = await maintain(monthsFrom(1))
    // All this while the holder still has the table.
    const { writes } = await others.stop()
    expect(writes).toBeGreaterThan(0)
    expect(report.busy).toEqual([expect.stringContaining('REORGANIZE')])
    expect(partitionFaults(report)).toEqual([
      expect.stringContaining('the table is in use'),
      expect.stringContaining('msg_message has 2 months ahead'),
    ])
    await holder.end()
    expect(await maintain(monthsFrom(1))).toMatchObject({ busy: [], added: { length: 1 }, dropped: { length: 2 } })
  })
})
