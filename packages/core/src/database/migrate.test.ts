import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { Connection, RowDataPacket } from 'mysql2/promise'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { workspaceRoot } from '../../../devkit/src/services/workspace.ts'
import {
  ensurePartitions,
  listPartitions,
  monthStart,
  PARTITIONED_TABLES,
  partitionName,
} from '../schema/partitions.ts'
import { migrateDatabase } from './migrate.ts'
import { connectDatabase } from './pool.ts'

const plain = (databaseUrl: string) => ({ databaseUrl, databaseSsl: 'off' as const, databaseSslCa: undefined })
let server: Connection
const databases: string[] = []
beforeAll(async () => {
  server = await connectDatabase(plain(inject('databaseUrl')), { database: false })
})
afterAll(async () => {
  for (const name of databases) await server.query(`DROP DATABASE IF EXISTS \`${name}\``)
  await server.end()
})

/** The URL of a database that does not exist yet. */
function newDatabase(name = `mc_test_${randomUUID().replaceAll('-', '')}`): string {
  databases.push(name)
  const url = new URL(inject('databaseUrl'))
  url.pathname = `/${name}`
  return url.href
}

/** Runs the command behind `npm run migrate` as a process. */
async function runMigrate(databaseUrl: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['packages/core/src/cli/migrate.ts'], {
    cwd: workspaceRoot,
    env: { ...process.env, DATABASE_URL: databaseUrl, NODE_NO_WARNINGS: '1' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk
    })
  }
  const [code] = await once(child, 'close')
  return { code, output }
}

/** Everything about a database's structure that information_schema tells, creation times left out. */
async function structureOf(connection: Connection): Promise<unknown> {
  const [columns] = await connection.query(
    'SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, IS_NULLABLE, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, ORDINAL_POSITION',
  )
  const [partitions] = await connection.query(
    'SELECT TABLE_NAME, PARTITION_NAME, PARTITION_DESCRIPTION FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1, 2',
  )
  const [applied] = await connection.query<RowDataPacket[]>('SELECT hash FROM __drizzle_migrations ORDER BY id')
  return { columns, partitions, applied }
}

test('three processes at once on a database that does not exist: all succeed, and it is migrated once; once more changes nothing', async () => {
  const url = newDatabase()
  const runs = await Promise.all([runMigrate(url), runMigrate(url), runMigrate(url)])
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0])
  const connection = await connectDatabase(plain(url))
  const before = await structureOf(connection)
  expect(await runMigrate(url)).toMatchObject({ code: 0, output: expect.stringContaining('(0 partitions added)') })
  expect(await migrateDatabase(connection)).toEqual([])
  expect(await structureOf(connection)).toEqual(before)
  await connection.end()
})

test('each partitioned table has the months from 12 back to 3 ahead and one for what lies beyond', async () => {
  const url = newDatabase()
  expect((await runMigrate(url)).code).toBe(0)
  const connection = await connectDatabase(plain(url))
  const expected = Array.from({ length: 16 }, (_, index) => partitionName(monthStart(new Date(), index - 12)))
  for (const table of PARTITIONED_TABLES) {
    expect([table, await listPartitions(connection, table)]).toEqual([table, expected])
    const [rows] = await connection.query<RowDataPacket[]>(
      'SELECT PARTITION_NAME AS name FROM information_schema.PARTITIONS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY PARTITION_ORDINAL_POSITION DESC LIMIT 1',
      [table],
    )
    expect(rows[0]?.name).toBe('pmax')
  }
  await connection.end()
})

test('a migration that was cut off half-way is completed by the next run', async () => {
  const url = newDatabase()
  expect((await runMigrate(url)).code).toBe(0)
  const connection = await connectDatabase(plain(url))
  const whole = await structureOf(connection)
  // As a crash leaves it: some tables made, nothing noted as done.
  await connection.query('DROP TABLE msg_template, msg_inbox')
  await connection.query('DELETE FROM __drizzle_migrations')
  expect((await runMigrate(url)).code).toBe(0)
  expect(await structureOf(connection)).toEqual(whole)
  await connection.end()
})

test('a database whose name is as long as names may be', async () => {
  const url = newDatabase(`mc_test_${'x'.repeat(24)}${randomUUID().replaceAll('-', '')}`)
  expect(await runMigrate(url)).toMatchObject({ code: 0 })
})

test('a database that cannot be reached ends in one line and exit code 1', async () => {
  const { code, output } = await runMigrate('mysql://nobody@127.0.0.1:1/nothing')
  expect(code).toBe(1)
  expect(output.trimEnd().split('\n')).toHaveLength(1)
  expect(output).toMatch(/^migrate: /)
})

test('as months go by, partitions are added at the end; rows that came too early for theirs move into it', async () => {
  const url = newDatabase()
  expect((await runMigrate(url)).code).toBe(0)
  const connection = await connectDatabase(plain(url))
  const late = monthStart(new Date(), 5)
  await connection.query(
    `INSERT INTO msg_message (message_id, tenant_id, business_type, business_data, create_time) VALUES ('early', 1, 'A', '{}', ?)`,
    [late],
  )
  const inTwoMonths = monthStart(new Date(), 2)
  const added = PARTITIONED_TABLES.flatMap((table) =>
    [4, 5].map((offset) => `${table}.${partitionName(monthStart(new Date(), offset))}`),
  )
  expect(await ensurePartitions(connection, { now: inTwoMonths })).toEqual(added)
  expect(await ensurePartitions(connection, { now: inTwoMonths })).toEqual([])
  const [rows] = await connection.query(`SELECT message_id FROM msg_message PARTITION (${partitionName(late)})`)
  expect(rows).toEqual([{ message_id: 'early' }])
  // Looking back changes nothing: partitions are only added at the end.
  expect(await ensurePartitions(connection, { now: monthStart(new Date(), -6) })).toEqual([])
  await connection.end()
})

test.each([
  ['2026-01-31T23:59:59.999Z', 1, '2026-02-01T00:00:00.000Z', 'p202602'],
  ['2026-12-31T23:59:59Z', 1, '2027-01-01T00:00:00.000Z', 'p202701'],
  ['2026-03-31T00:00:00Z', -1, '2026-02-01T00:00:00.000Z', 'p202602'],
  ['2026-11-24T10:00:00Z', -12, '2025-11-01T00:00:00.000Z', 'p202511'],
  ['2026-01-01T00:00:00Z', 0, '2026-01-01T00:00:00.000Z', 'p202601'],
])('months are those of UTC: %s and %i', (date, offset, start, name) => {
  const month = monthStart(new Date(date), offset)
  expect([month.toISOString(), partitionName(month)]).toEqual([start, name])
})
