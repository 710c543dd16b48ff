import { recordChange } from '@message-center/core/audit/record-change.ts'
import { addQuotaUse, readQuotaUse } from '@message-center/core/quota/quota-usage.ts'
import { monthStart } from '@message-center/core/schema/partitions.ts'
import { SETTINGS, type Settings } from '@message-center/core/settings/definitions.ts'
import { readEnv } from '@message-center/core/settings/env.ts'
import { storePending } from '@message-center/devkit/testing/stored-messages.ts'
import { createTestDatabase, type TestDatabase } from '@message-center/devkit/testing/test-database.ts'
import type { RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { type CleanUpStep, cleanUp, cleanUpSteps } from './clean-up.ts'

let database: TestDatabase
let steps: CleanUpStep[]
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
  const env = readEnv(database.variables)
  const defaults = Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback(env)])
  const settings: Settings = { ...Object.fromEntries(defaults), auditRetentionMonths: 24 }
  steps = cleanUpSteps({ pool: database.pool, settings: async () => settings })
})
afterAll(() => database.remove())
beforeEach(async () => {
  for (const table of ['msg_audit_log', 'msg_message_key']) await database.pool.query(`DELETE FROM ${table}`)
})

async function audited(count: number, time: Date): Promise<void> {
  const connection = await database.pool.getConnection()
  const actor = { subject: 'somebody', requestId: 'r', ip: '127.0.0.1' }
  const change = {
    tenantId: '1',
    action: 'DELETE',
    objectType: 'TEMPLATE',
    before: { name: 'x' },
    after: null,
  } as const
  for (let n = 0; n < count; n++)
    await recordChange(connection, actor, { ...change, objectId: `${time.getTime()}-${n}` })
  await connection.query('UPDATE msg_audit_log SET create_time = ? WHERE object_id LIKE ?', [
    time,
    `${time.getTime()}-%`,
  ])
  connection.release()
}

async function count(table: string): Promise<number> {
  const [[row]] = await database.pool.query<RowDataPacket[]>(`SELECT COUNT(*) AS n FROM ${table}`)
  return Number(row?.n)
}

/** Runs it with small batches; answers what it told and the size of each batch. */
async function run(of: readonly CleanUpStep[], signal = new AbortController().signal) {
  const batches: [step: string, rows: number][] = []
  const told = await cleanUp(of, { signal, batch: 4, onRemoved: (step, rows) => batches.push([step, rows]) })
  return { told, batches }
}

test('audit entries past their months go in batches, the others stay; a second run finds nothing', async () => {
  const firstKept = monthStart(new Date(), -24)
  await audited(10, new Date(firstKept.getTime() - 1))
  await audited(3, firstKept)
  await audited(2, new Date())
  const { told, batches } = await run(steps)
  expect(told).toBe('removed 0 message keys, 10 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas')
  expect(batches.filter(([step]) => step === 'audit entries').map(([, rows]) => rows)).toEqual([4, 4, 2])
  expect(await count('msg_audit_log')).toBe(5)
  expect((await run(steps)).told).toBe(
    'removed 0 message keys, 0 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas',
  )
})

test('keys go where the month of their messages is gone', async () => {
  await storePending(database.pool, 5, { createTime: '2001-02-03 04:05:06' })
  await storePending(database.pool, 2)
  expect((await run(steps)).told).toBe(
    'removed 5 message keys, 0 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas',
  )
  expect(await count('msg_message_key')).toBe(2)
})

test('inbox rows go after their days', async () => {
  const insert = (days: number) =>
    database.pool.query(
      `INSERT INTO msg_inbox (tenant_id, user_id, message_id, task_id, message_type, content, create_time)
       VALUES (1, 'u1', 'm', ?, 'TEXT', 'x', UTC_TIMESTAMP(3) - INTERVAL ? DAY)`,
      [days, days],
    )
  for (const days of [89, 91, 92]) await insert(days)
  expect((await run(steps)).told).toBe(
    'removed 0 message keys, 0 audit entries, 2 inbox rows, 0 hourly books, 0 months of quotas',
  )
  expect(await count('msg_inbox')).toBe(1)
})

test('what was counted for quotas goes with the months of the messages', async () => {
  const month = (offset: number) => monthStart(new Date(), -offset).toISOString().slice(0, 7)
  await addQuotaUse(
    database.pool,
    [0, 12, 13, 14].map((offset) => ({ configId: '1', month: month(offset), sends: 1 })),
  )
  expect((await run(steps)).told).toBe(
    'removed 0 message keys, 0 audit entries, 0 inbox rows, 0 hourly books, 2 months of quotas',
  )
  const kept = [0, 12, 13, 14].map((offset) => ({ configId: '1', month: month(offset) }))
  expect((await readQuotaUse(database.pool, kept)).map((use) => use.month).toSorted()).toEqual([month(12), month(0)])
})

test('broken off in the middle, it says so, and the next run does the rest', async () => {
  await audited(10, new Date('2001-01-01'))
  const stopping = new AbortController()
  const stopAfterFirst = steps.map((step) => ({
    ...step,
    async remove(limit: number, signal: AbortSignal) {
      const removed = await step.remove(limit, signal)
      if (removed > 0) stopping.abort()
      return removed
    },
  }))
  expect((await run(stopAfterFirst, stopping.signal)).told).toMatch(
    /4 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas; interrupted/,
  )
  expect((await run(steps)).told).toBe(
    'removed 0 message keys, 6 audit entries, 0 inbox rows, 0 hourly books, 0 months of quotas',
  )
})

test('a step that fails does not keep the others from their work, and is told at the end', async () => {
  await audited(3, new Date('2001-01-01'))
  const broken: CleanUpStep = { name: 'ghosts', remove: () => database.pool.query('SELECT nothing').then(() => 0) }
  await expect(run([broken, ...steps])).rejects.toThrow(/ghosts: .*nothing/)
  expect(await count('msg_audit_log')).toBe(0)
})
