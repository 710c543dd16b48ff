import { connectDatabase } from '@message-center/core/database/pool.ts'
import { findOverdue } from '@message-center/core/messages/overdue.ts'
import { removeOldKeys } from '@message-center/core/messages/remove-old-keys.ts'
import { maintainPartitions } from '@message-center/core/schema/maintain-partitions.ts'
import { listPartitions, MONTHS_AHEAD, monthStart, partitionMonth } from '@message-center/core/schema/partitions.ts'
import { storePending } from '../testing/stored-messages.ts'
import type { TestSystem } from '../testing/test-system.ts'
import { median, type Times } from './measure-lists.ts'

const KEY_BATCH = 500
const OPEN_MESSAGES = 500

/** What the worker does by itself, in milliseconds, and how long others wait meanwhile. No worker runs beside it. */
export async function measureUpkeep(system: TestSystem): Promise<Times> {
  const { pool } = system
  const timed = async (work: () => Promise<unknown>) => {
    const startedAt = performance.now()
    await work()
    return performance.now() - startedAt
  }
  const times: Times = {}
  await storePending(pool, OPEN_MESSAGES)
  const look = (before: Date | null) => findOverdue(pool, { before, graceMs: 0, limit: OPEN_MESSAGES, after: null })
  times['reconciler: a page of what is due'] = await median(() => timed(() => look(new Date())))
  times['reconciler: a page of everything open'] = await median(() => timed(() => look(null)))
  await pool.query('UPDATE msg_message SET due_time = NULL WHERE due_time IS NOT NULL')

  Object.assign(times, await measureMonths(system))
  times[`clean-up: ${KEY_BATCH} keys`] = await median(() => timed(() => removeOldKeys(pool, KEY_BATCH)))
  return times
}

/** As one month passes, and as another one becomes too old. */
async function measureMonths(system: TestSystem): Promise<Times> {
  const months = (await listPartitions(system.pool, 'msg_message')).map(partitionMonth)
  const [oldest = new Date(), newest = new Date()] = [months[0], months.at(-1)]
  const others = watchOthers(system)
  try {
    const made = await others.during(() => maintain(system, monthStart(newest, 1 - MONTHS_AHEAD), 120))
    const whileMade = { ...others.slowest }
    const dropped = await others.during(() => maintain(system, new Date(), monthsBetween(oldest, new Date()) - 1))
    return {
      'months: one made ahead': made,
      '  slowest insert meanwhile': whileMade.insert,
      '  slowest look-up meanwhile': whileMade.select,
      'months: the oldest dropped': dropped,
      '  slowest insert while it is dropped': others.slowest.insert,
      '  slowest look-up while it is dropped': others.slowest.select,
    }
  } finally {
    await others.stop()
  }
}

function monthsBetween(from: Date, to: Date): number {
  return (to.getUTCFullYear() - from.getUTCFullYear()) * 12 + to.getUTCMonth() - from.getUTCMonth()
}

async function maintain({ variables }: TestSystem, now: Date, retentionMonths: number): Promise<void> {
  const connection = await connectDatabase({
    databaseUrl: variables.DATABASE_URL ?? '',
    databaseSsl: 'off',
    databaseSslCa: undefined,
  })
  const { busy, added, dropped } = await maintainPartitions(connection, { now, retentionMonths })
  if (busy.length > 0 || added.length + dropped.length === 0) throw new Error(`nothing was done: ${busy.join(', ')}`)
  await connection.end()
}

/** Stores and looks up messages one after the other, each on a connection of its own. */
function watchOthers({ pool }: TestSystem) {
  const slowest = { insert: 0, select: 0 }
  let running = true
  const repeat = async (kind: keyof typeof slowest, work: () => Promise<unknown>) => {
    while (running) {
      const startedAt = performance.now()
      await work()
      slowest[kind] = Math.max(slowest[kind], performance.now() - startedAt)
    }
  }
  const all = Promise.all([
    repeat('insert', () => storePending(pool, 1, { sendAt: new Date(Date.now() + 86_400_000) })),
    repeat('select', () =>
      pool.query(
        'SELECT id FROM msg_message FORCE INDEX (ix_tenant_time) WHERE tenant_id = 1 ORDER BY create_time DESC, id DESC LIMIT 20',
      ),
    ),
  ])
  return {
    slowest,
    async during(work: () => Promise<void>): Promise<number> {
      Object.assign(slowest, { insert: 0, select: 0 })
      const startedAt = performance.now()
      await work()
      return performance.now() - startedAt
    },
    async stop(): Promise<void> {
      running = false
      await all
    },
  }
}
