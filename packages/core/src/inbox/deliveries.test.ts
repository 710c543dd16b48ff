import type { RowDataPacket } from 'mysql2'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { createTestDatabase, type TestDatabase } from '../../../devkit/src/testing/test-database.ts'
import { createTestSender } from '../channels/adapter-test-kit.ts'
import { createLocalAdapter } from '../channels/local/index.ts'
import { createDatabasePool } from '../database/pool.ts'
import { createInboxWriter, type InboxDelivery } from './deliveries.ts'
import { newestIds, newRows } from './new-rows.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase({ databaseUrl: inject('databaseUrl'), redisUrl: inject('redisUrl') })
})
afterAll(() => database.remove())

let tasks = 0
const delivery = (fields: Partial<InboxDelivery> = {}): InboxDelivery => {
  const taskId = String(++tasks)
  return {
    tenantId: '1',
    messageId: `m${taskId}`,
    taskId,
    readers: ['u1'],
    messageType: 'TEXT',
    title: null,
    content: 'hello',
    ...fields,
  }
}
const rowsOf = async (tenantId: string): Promise<RowDataPacket[]> =>
  (await database.pool.query<RowDataPacket[]>('SELECT * FROM msg_inbox WHERE tenant_id = ? ORDER BY id', [tenantId]))[0]

test("while many processes deliver, whoever follows a tenant's ids passes no row by", async () => {
  const databaseUrl = database.variables.DATABASE_URL ?? ''
  const pools = Array.from({ length: 4 }, () =>
    createDatabasePool({ databaseUrl, databaseSsl: 'off', databaseSslCa: undefined }, 4),
  )
  const tenants = ['11', '12', '13']
  let delivering = true
  const follow = async (tenantId: string): Promise<string[]> => {
    const seen: string[] = []
    for (let after = 0n; ; ) {
      const last = !delivering
      const upTo = (await newestIds(database.pool, [tenantId])).get(tenantId) ?? after
      const rows = await newRows(database.pool, tenantId, ['u1'], { after, upTo }, 10_000)
      seen.push(...rows.map(({ id }) => String(id)))
      after = upTo
      if (last) return seen
    }
  }
  const followers = tenants.map(follow)
  const writers = pools.map((pool) => createInboxWriter(pool, () => undefined))
  await Promise.all(
    writers.flatMap((writer) =>
      Array.from({ length: 20 }, async () => {
        for (let n = 0; n < 15; n++) await writer.deliver(delivery({ tenantId: tenants[++tasks % 3] ?? '' }))
      }),
    ),
  )
  delivering = false
  const seen = await Promise.all(followers)
  await Promise.all(pools.map((pool) => pool.end()))
  const stored = await Promise.all(tenants.map(rowsOf))
  expect(stored.flat()).toHaveLength(1200)
  expect(seen).toEqual(stored.map((rows) => rows.map(({ id }) => id)))
})

test('the same task delivered again, alone or beside others, writes nothing new', async () => {
  const { deliver } = createInboxWriter(database.pool, () => undefined)
  const [first, second] = [delivery({ tenantId: '2', readers: ['a', 'b'] }), delivery({ tenantId: '2' })]
  await deliver(first)
  await Promise.all([deliver(first), deliver(second), deliver({ ...first, readers: ['b', 'c'] }), deliver(second)])
  const rows = await rowsOf('2')
  expect(rows.map((row) => [row.task_id, row.user_id])).toEqual([
    [first.taskId, 'a'],
    [first.taskId, 'b'],
    [second.taskId, 'u1'],
    [first.taskId, 'c'],
  ])
})

test('a message to 4,000 readers is more than one statement takes, and arrives at each', async () => {
  const told: string[][] = []
  const { deliver } = createInboxWriter(database.pool, (tenantIds) => void told.push(tenantIds))
  const readers = Array.from({ length: 4_000 }, (_, index) => `reader-${index}`)
  await deliver(delivery({ tenantId: '3', readers, content: '长'.repeat(2_000) }))
  const [[row]] = await database.pool.query<RowDataPacket[]>(
    'SELECT COUNT(DISTINCT user_id) AS readers, MIN(CHAR_LENGTH(content)) AS length FROM msg_inbox WHERE tenant_id = 3',
  )
  expect([Number(row?.readers), Number(row?.length)]).toEqual([4_000, 2_000])
  expect(told).toEqual([['3']])
})

test('what cannot be a user id reaches nobody, least of all everyone or somebody else; the task says whom not', async () => {
  const { send } = createTestSender(createLocalAdapter({ pool: database.pool }), {})
  const long = 'x'.repeat(129)
  const wrong = ['*', '', 'u1 ', long, 'u\ud800']
  const task = (taskId: string) => ({ tenantId: '4', messageId: 'm', taskId })
  const sent = await send({
    recipients: { userIds: ['u1', ...wrong, '李四'], mobiles: ['13800000000'], all: false },
    task: task('90001'),
  })
  expect(sent).toEqual({
    response: { readers: 2 },
    detail: `not reached: ${wrong.join(', ')} (not a user id); 13800000000 (the inbox knows user ids only)`,
  })
  expect((await rowsOf('4')).map(({ user_id }) => user_id)).toEqual(['u1', '李四'])
  await expect(
    send({ recipients: { userIds: ['*'], mobiles: [], all: false }, task: task('90002') }),
  ).rejects.toMatchObject({ errorClass: 'PERMANENT', code: 'NO_RECIPIENT' })
  await send({ recipients: { userIds: [], mobiles: [], all: true }, task: task('90003') })
  expect((await rowsOf('4')).map(({ user_id }) => user_id)).toEqual(['u1', '李四', '*'])
})

test('what its sender has given up before its turn came is left to the next attempt', async () => {
  const { deliver } = createInboxWriter(database.pool, () => undefined)
  const sending = new AbortController()
  const givenUp = delivery({ tenantId: '6', signal: sending.signal })
  const waiting = expect(deliver(givenUp)).rejects.toThrow('given up')
  sending.abort()
  await waiting
  expect(await rowsOf('6')).toEqual([])
  await deliver({ ...givenUp, signal: new AbortController().signal })
  expect(await rowsOf('6')).toHaveLength(1)
})

test('what a tenant has waiting for thousands of readers does not keep another tenant waiting for all of it', async () => {
  const { deliver } = createInboxWriter(database.pool, () => undefined)
  const readers = Array.from({ length: 3_000 }, (_, index) => `u${index}`)
  const content = 'x'.repeat(1_200)
  const done: string[] = []
  const deliverTo = (tenantId: string, fields: Partial<InboxDelivery>) =>
    deliver(delivery({ tenantId, ...fields })).then(() => done.push(tenantId))
  const flood = Array.from({ length: 8 }, () => deliverTo('3', { readers, content }))
  await Promise.all([...flood, deliverTo('4', {})])
  // Two may be under way before it, and one come between.
  expect(done.indexOf('4')).toBeLessThanOrEqual(3)
})
